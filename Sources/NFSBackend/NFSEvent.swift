/// Something about shares that a person should know: for the log.
package enum NFSEvent: Hashable, Sendable {
    /// What was deleted is gone from the share.
    case trashRemoved(share: String, entry: String)
    /// What was deleted could not be removed from the trash.
    case trashLeft(share: String, reason: String)
    /// How a share is mounted cannot be remembered; after a restart it is mounted as if nothing had been asked.
    case optionsNotKept(share: String, reason: String)
    /// The size of a volume is recorded, and nothing holds the volume to it.
    case sizeNotEnforced(share: String, volume: String, reason: String)
    /// The record of a volume cannot be used, so the volume is not listed.
    case notListed(share: String, reason: String)
}

extension NFSEvent {
    package var isProblem: Bool {
        switch self {
        case .trashRemoved: false
        case .trashLeft, .optionsNotKept, .sizeNotEnforced, .notListed: true
        }
    }
}
