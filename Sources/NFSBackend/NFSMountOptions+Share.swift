import StorageModel

extension NFSMountOptions {
    /// The share as the kernel is asked for it: an attempt for each version, the newest first.
    func networkShare(_ share: NFSShare) -> NetworkShare {
        NetworkShare(
            name: share.source, host: share.server.hostText,
            attempts: versions.map { version in
                var options: [NetworkShare.Option] = [
                    .value("source", share.source), .value("vers", version.rawValue), .address("addr"),
                ]
                if version.isFour {
                    // Where the server could call back: nowhere, for no delegation is asked for before 4.1.
                    options.append(.value("clientaddr", "0.0.0.0"))
                } else {
                    options.append(.address("mountaddr"))
                }
                options += (kernelOptions + labels.kernelOptions).map { option in
                    option.value.map { .value(option.key, $0) } ?? .flag(option.key)
                }
                return NetworkShare.Attempt(type: version.isFour ? "nfs4" : "nfs", options: options)
            })
    }
}

extension NFSServer {
    /// A name, or an address without brackets.
    var hostText: String {
        switch self {
        case .ipv4(let address): "\(address)"
        case .ipv6(let address): "\(address)"
        case .name(let name): name
        }
    }
}
