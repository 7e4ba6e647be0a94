package import StorageModel

/// The backends of this process, and which of them a request or an id is for.
package struct Backends: Sendable {
    private let ordered: [any VolumeBackend]

    /// - Parameter backends: in the order in which their volumes are listed; at least one.
    package init(_ backends: [any VolumeBackend]) {
        precondition(!backends.isEmpty, "a driver without a backend")
        ordered = backends
    }

    var names: String { ordered.map(\.name).joined(separator: ", ") }
    var all: [any VolumeBackend] { ordered }

    /// The backend whose ids look like this one, or nil: no volume here can have it.
    func recognising(_ id: VolumeID) -> (any VolumeBackend)? {
        ordered.first { $0.recognises(id) }
    }

    /// As `recognising(_:)`; an id of nobody is a volume that does not exist, unless the context says where it is.
    ///
    /// - Throws: INVALID_ARGUMENT when id and context mean two volumes.
    func existing(_ id: VolumeID, context: [String: String] = [:]) throws(DriverError) -> any VolumeBackend {
        if let backend = ordered.first(where: { $0.describesStaticVolume(id, context) }) {
            guard recognising(id) == nil else {
                throw .invalid(
                    "volume_id and volume_context mean two volumes: the id \(id) is one that this driver gives, and "
                        + "the context names storage that was there before; give such storage an id of another form")
            }
            return backend
        }
        guard let backend = recognising(id) else {
            throw DriverError(
                .notFound,
                "volume \(id) does not exist: its id is not one that this driver gives, and no volume_context says "
                    + "where it is")
        }
        return backend
    }

    /// The backend that a StorageClass asks for: by `backend`, else NFS when there is a `server`, else the one that has
    /// the `pool`, else hostPath.
    ///
    /// - Throws: INVALID_ARGUMENT when it cannot be told.
    func chosen(by parameters: [String: String]) throws(DriverError) -> any VolumeBackend {
        func value(of key: String) -> String? {
            parameters.first { $0.key.lowercased() == key }?.value
        }
        if let name = value(of: "backend") {
            guard let backend = ordered.first(where: { $0.name.lowercased() == name.lowercased() }) else {
                throw .invalid("parameter backend names none of this driver's backends; it serves \(names)")
            }
            return backend
        }
        let wanted = value(of: "server") != nil ? "nfs" : "hostpath"
        if wanted == "hostpath", let pool = value(of: "pool") {
            let having = ordered.filter { $0.hasPool(named: pool) }
            guard having.count < 2 else {
                throw .invalid(
                    "parameter pool is the name of a pool of each of \(having.map(\.name).joined(separator: ", ")); "
                        + "give the parameter backend as well")
            }
            if let only = having.first { return only }
        }
        return ordered.first { $0.name.lowercased() == wanted } ?? ordered[0]
    }
}
