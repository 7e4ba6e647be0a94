import StorageModel
import Testing

@testable import CSIWire

/// SplitMix64: the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

@Suite("Random bytes", .timeLimit(.minutes(2)))
struct RandomBytesTests {
    /// Bytes without any order, or a good message with a few bytes changed, cut, doubled or moved.
    private func bytes(from good: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        if good.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
            return (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        var bytes = good
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            guard !bytes.isEmpty else { break }
            let start = Int.random(in: 0..<bytes.count, using: &random)
            let end = Int.random(in: start...bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[start] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(start..<end)
            case 3: bytes.insert(contentsOf: bytes[start..<end], at: end)
            default: bytes += bytes[start..<end]
            }
        }
        return bytes
    }

    @Test("20,000 random messages end in a request or in INVALID_ARGUMENT, never otherwise")
    func requests() throws {
        let transcoder = JSONTranscoder()
        var random = SeededGenerator(state: 2026)
        var (accepted, refused) = (0, 0)
        let good = try servedRequests.map {
            try transcoder.bytes(of: $0.name, json: transcoder.exampleJSON(of: $0.name))
        }
        for round in 0..<20_000 {
            let index = round % servedRequests.count
            let bytes = bytes(from: good[index], &random)
            do {
                _ = try servedRequests[index].type.init(wire: bytes)
                accepted += 1
            } catch {
                // What passes the check, protobuf-c decodes, in the memory that the check reckoned.
                #expect(
                    error.code == .invalidArgument && !error.message.contains("no message of this type"), "\(bytes)")
                refused += 1
            }
        }
        #expect(accepted > 2000 && refused > 2000, "\(accepted) accepted, \(refused) refused")
    }

    @Test("every message of proto/ that passes the check is decoded, as JSON transcoding reads it")
    func everyMessage() throws {
        let transcoder = JSONTranscoder()
        var random = SeededGenerator(state: 7)
        var accepted = 0
        let names = DescriptorCatalog.compiledIn.messageNames.filter { !$0.hasPrefix("google.") }
        for name in names {
            let layout = MessageLayout(of: name)
            let good = try transcoder.bytes(of: name, json: transcoder.exampleJSON(of: name))
            for _ in 0..<100 {
                let bytes = bytes(from: good, &random)
                do {
                    _ = try DecodedMessage(bytes, as: layout)
                    accepted += 1
                    _ = try transcoder.json(of: name, bytes: bytes)
                } catch let error as DriverError {
                    #expect(!error.message.contains("no message of this type"), "\(name) \(bytes)")
                } catch let error as TranscodingError {
                    // The one thing that JSON is stricter in than the wire.
                    #expect(error.problem.hasPrefix("the timestamp is outside"), "\(name) \(bytes)")
                }
            }
        }
        #expect(accepted > 1000, "\(accepted) accepted")
    }
}
