/// Something about shares that a person should know: for the log.
package enum NFSEvent: Hashable, Sendable {
    /// What was deleted is gone from the share.
    case trashRemoved(share: String, entry: String)
    /// What was deleted could not be removed from the trash.
    case trashLeft(share: String, reason: String)
    /// How a share is mounted cannot be remembered; after a restart it is mounted as if nothing had been asked.
    case optionsNotKept(share: String, reason: String)
}

extension NFSEvent {
    package var isProblem: Bool {
        switch self {
        case .trashRemoved: false
        case .trashLeft, .optionsNotKept: true
        }
    }
}
