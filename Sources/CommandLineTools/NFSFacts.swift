package import LinuxSystem
import NetworkShares
package import StorageModel
import SystemPackage

extension NodeSubject {
    /// What a driver that serves NFS was told.
    package struct NFS: Sendable {
        package struct Pool: Hashable, Sendable {
            package var name: String
            /// As the driver mounts it for itself.
            package var share: NetworkShare

            package init(name: String, share: NetworkShare) {
                self.name = name
                self.share = share
            }
        }

        package var mountProgram: String
        package var pools: [Pool]

        package init(mountProgram: String, pools: [Pool]) {
            self.mountProgram = mountProgram
            self.pools = pools
        }
    }
}

/// What was found on a machine about NFS, not yet judged.
package struct NFSFacts: Sendable {
    /// Programs of nfs-utils that the kernel's client asks for some mounts.
    package enum Service: String, Hashable, Sendable, CaseIterable {
        case gssd = "rpc.gssd"
        case statd = "rpc.statd"

        var purpose: String {
            switch self {
            case .gssd: "mounts with Kerberos (sec=krb5) need it, no others do"
            case .statd: "mounts of version 3 with locks need it; those with nolock, and of version 4, do not"
            }
        }
    }

    package struct Pool: Sendable {
        package var subject: NodeSubject.NFS.Pool
        /// `.moorage/format` of its share, which was mounted for that; nil where the driver never made a volume.
        package var format: Result<[UInt8]?, DriverError>

        package init(subject: NodeSubject.NFS.Pool, format: Result<[UInt8]?, DriverError>) {
            self.subject = subject
            self.format = format
        }
    }

    /// Why file systems of type `nfs4`, and `nfs`, cannot be mounted; nil when they can.
    package var versionFour: Refusal?
    package var versionThree: Refusal?
    package var mountProgram: String
    /// Whether it is one.
    package var program: Result<Bool, Refusal>
    /// The services that run.
    package var running: Result<Set<String>, Refusal>
    package var pools: [Pool]

    package init(
        versionFour: Refusal?, versionThree: Refusal?, mountProgram: String, program: Result<Bool, Refusal>,
        running: Result<Set<String>, Refusal>, pools: [Pool]
    ) {
        self.versionFour = versionFour
        self.versionThree = versionThree
        self.mountProgram = mountProgram
        self.program = program
        self.running = running
        self.pools = pools
    }
}

extension NFSFacts {
    /// For each pool, all at once.
    private static let patience = Duration.seconds(5)
    /// Bytes; a longer file is no format.
    private static let longestFile = 64 << 10

    /// Each share is mounted as the driver does it, in no namespace, and of what is on it only `.moorage/format` is
    /// read.
    static func gather(about subject: NodeSubject.NFS, stateDirectory: String) async -> NFSFacts {
        NFSFacts(
            versionFour: SystemProbe.refusal(ofFileSystem: "nfs4"),
            versionThree: SystemProbe.refusal(ofFileSystem: "nfs"), mountProgram: subject.mountProgram,
            program: SystemProbe.isProgram(subject.mountProgram),
            running: SystemProbe.running(Set(Service.allCases.map(\.rawValue))),
            pools: await pools(of: subject, stateDirectory: stateDirectory))
    }

    private static func pools(of subject: NodeSubject.NFS, stateDirectory: String) async -> [Pool] {
        let shares = NetworkShares(
            stateDirectory: stateDirectory, mounter: FileSystemMounter(program: subject.mountProgram),
            timeout: patience, report: { _ in })
        return await withTaskGroup(of: (Int, Pool).self) { group in
            for (index, pool) in subject.pools.enumerated() {
                group.addTask { (index, Pool(subject: pool, format: await format(of: pool, shares))) }
            }
            var found: [(Int, Pool)] = []
            for await pool in group { found.append(pool) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func format(
        of pool: NodeSubject.NFS.Pool, _ shares: NetworkShares
    ) async -> Result<[UInt8]?, DriverError> {
        do throws(DriverError) {
            return .success(
                try await shares.withRoot(of: pool.share, "look at pool \(pool.name)") { root throws(DriverError) in
                    do throws(Errno) {
                        return try root.open().open(beneath: ".moorage/format", [.readOnly, .nonBlocking])
                            .readAll(limit: longestFile)
                    } catch .noSuchFileOrDirectory {
                        return nil
                    } catch {
                        throw .share("read .moorage/format on \(root.share)", error)
                    }
                })
        } catch {
            return .failure(error)
        }
    }
}
