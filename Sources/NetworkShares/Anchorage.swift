import LinuxSystem
import Synchronization
import SystemPackage

/// A directory of the driver's where roots of shares are attached. It is a mount of its own and private, so that
/// nothing that is mounted in it is seen anywhere else.
final class Anchorage: Sendable {
    private let path: String
    private let directory = Mutex<SharedDirectory?>(nil)

    private final class SharedDirectory: Sendable {
        let descriptor: OwnedDescriptor

        init(_ descriptor: consuming OwnedDescriptor) {
            self.descriptor = descriptor
        }
    }

    init(path: String) {
        self.path = path
    }

    /// Detaches and removes what is there now, on a thread of its own: the end of a mount may wait for its server.
    func clear() {
        guard let directory = try? OwnedDescriptor.open(path, [.readOnly, .directory]) else { return }
        var names: [String] = []
        try? directory.forEachEntry { entry in
            if let name = entry.name.string { names.append(name) }
            return true
        }
        guard !names.isEmpty else { return }
        let found = SharedDirectory(directory)
        DetachedThread.start(name: "share-cleanup") { [names] in
            for name in names { Self.detach(name, in: found.descriptor) }
        }
    }

    fileprivate static func detach(_ name: String, in directory: borrowing OwnedDescriptor) {
        try? directory.detachMount(name)
        try? directory.removeDirectory(name)
    }

    /// Attaches a detached mount under a name of its own.
    func attach(_ mount: borrowing OwnedDescriptor) throws(Errno) -> Anchor {
        let directory = try opened()
        let name = String(UInt64.random(in: .min ... .max), radix: 16)
        try directory.descriptor.makeDirectory(name, permissions: 0o700)
        do throws(Errno) {
            let place = try directory.descriptor.open(beneath: name, [.pathOnly, .directory])
            try mount.attachMount(at: place)
        } catch {
            try? directory.descriptor.removeDirectory(name)
            throw error
        }
        return Anchor { Self.detach(name, in: directory.descriptor) }
    }

    private func opened() throws(Errno) -> SharedDirectory {
        try directory.withLock { directory throws(Errno) in
            if let directory { return directory }
            let made = SharedDirectory(try openPrivate())
            directory = made
            return made
        }
    }

    private func openPrivate() throws(Errno) -> OwnedDescriptor {
        let found = try OwnedDescriptor.openMaking(path, permissions: 0o700)
        if try !found.status().isMountRoot { try found.cloneMount().attachMount(at: found) }
        let anchorage = try OwnedDescriptor.open(path, [.readOnly, .directory])
        // Not before: what is attached to a shared mount becomes a shared one (mount_namespaces(7)).
        try anchorage.makePrivate(setting: [], clearing: [])
        return anchorage
    }
}

/// Something attached in the anchorage, detached with it.
struct Anchor: ~Copyable, Sendable {
    private let detach: @Sendable () -> Void

    init(_ detach: @escaping @Sendable () -> Void) {
        self.detach = detach
    }

    deinit {
        detach()
    }
}
