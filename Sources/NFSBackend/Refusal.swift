/// Why a text is not what it should be, with what to do: the end of a sentence whose beginning, where the text stood,
/// only the caller knows. It never holds the text.
struct Refusal: Error, Hashable {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}
