import LinuxSystem
import NetworkShares
import StorageModel
import Synchronization

/// Mounts that were detached and whose end may wait for a server: held until they are let go of where a thread may
/// wait, whatever else becomes of the call that detached them.
final class DetachedLayers: Sendable {
    enum Owner: Hashable, Sendable {
        /// `server:/share`, as the ledger has it.
        case share(String)
        /// Mounted by somebody else, and from where; nil when the kernel does not say.
        case unknown(source: String?)
    }

    /// Taken out of it to be let go of, so that whoever still holds the layer holds nothing.
    private final class Layer: Sendable {
        private let descriptor: Mutex<OwnedDescriptor?>

        init(_ descriptor: consuming OwnedDescriptor) {
            self.descriptor = Mutex(descriptor)
        }

        func take() -> OwnedDescriptor? {
            descriptor.withLock { $0.take() }
        }
    }

    private let layers = Mutex<[(Owner, Layer)]>([])

    func hold(_ descriptor: consuming OwnedDescriptor, of owner: Owner) {
        let layer = Layer(descriptor)
        layers.withLock { $0.append((owner, layer)) }
    }

    func release(by shares: NetworkShares) {
        let held = layers.withLock { layers in
            defer { layers = [] }
            return layers
        }
        for (owner, layer) in held {
            guard let descriptor = layer.take() else { continue }
            switch owner {
            case .share(let share): shares.release(descriptor, of: share)
            case .unknown(let source):
                shares.release(descriptor, ofServer: source.flatMap { MountDescription.server(of: $0) })
            }
        }
    }
}

extension FileStatus.Identity {
    /// Whether it lies on a disk of this machine: a file system without one has a device of its own, whose major number
    /// is 0.
    var isOnDisk: Bool { device >> 32 != 0 }
}
