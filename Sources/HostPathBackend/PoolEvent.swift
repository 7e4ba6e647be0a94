/// Something about a pool that belongs into the log.
package enum PoolEvent: Hashable, Sendable, CustomStringConvertible {
    case opened(pool: String, id: String, path: String)
    /// The reason names the pool and what to do.
    case absent(pool: String, reason: String)
    /// What was found when the pool was opened, or met in a listing: a sentence for a person.
    case remark(pool: String, text: String)
    /// A deletion was answered and its data cannot be removed; it is tried again with the next one and at the next
    /// start.
    case trashLeft(pool: String, entry: String, reason: String)
    case trashRemoved(pool: String, entry: String)

    /// Whether somebody has to do something.
    package var isProblem: Bool {
        switch self {
        case .opened, .trashRemoved: false
        case .absent, .remark, .trashLeft: true
        }
    }

    package var description: String {
        switch self {
        case .opened(let pool, let id, let path): "pool \"\(pool)\" is open: \(id) in \(path)"
        case .absent(_, let reason): reason
        case .remark(let pool, let text): "pool \"\(pool)\": \(text)"
        case .trashLeft(let pool, let entry, let reason):
            "pool \"\(pool)\": the deleted volume \(entry) cannot be removed: \(reason)"
        case .trashRemoved(let pool, let entry): "pool \"\(pool)\": \(entry) is removed"
        }
    }
}
