import PoolStore
import StorageModel

/// `h.<pool id>.<plain name>`: where a volume is, told by its id alone.
struct HostPathVolumeID: Hashable {
    private static let prefix = "h."

    let pool: PoolID
    let key: VolumeKey

    init(pool: PoolID, name: String) {
        let text = "\(Self.prefix)\(pool).\(PlainName.of(name))"
        guard let key = VolumeKey(text) else { preconditionFailure("a plain name that is no key") }
        self.pool = pool
        self.key = key
    }

    /// The name of the volume, which a plain name tells; nil when it is hashed.
    var name: String? {
        let component = key.text.dropFirst(Self.prefix.count + PoolID.length + 1)
        return component.hasPrefix(PlainName.hashedPrefix) ? nil : String(component)
    }

    /// Nil when this backend never gave the id.
    init?(_ id: VolumeID) {
        let text = id.rawValue
        guard let key = VolumeKey(id), text.hasPrefix(Self.prefix) else { return nil }
        let rest = text.dropFirst(Self.prefix.count)
        guard let pool = PoolID(rest.prefix(PoolID.length)) else { return nil }
        let name = rest.dropFirst(PoolID.length)
        guard name.first == ".", PlainName.isComponent(name.dropFirst()) else { return nil }
        self.pool = pool
        self.key = key
    }
}
