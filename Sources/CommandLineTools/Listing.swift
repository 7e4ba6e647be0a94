package import CSIWire
package import GRPCServing
package import JSONText

/// Asks a running driver for all entries of one of its listings, page by page, and shows them.
package struct Listing: Sendable {
    package enum Subject: String, Sendable {
        case volumes = "ListVolumes"
        case mounts = "ListMounts"
        case shares = "ListShares"
    }

    package enum Outcome: Hashable, Sendable {
        /// Each in proto3 JSON, every field shown.
        case entries([JSONValue])
        /// The driver's answer was an error, or there was no answer.
        case failed(GRPCStatus)
    }

    /// Each page is asked for with this much time.
    private static let timeout = Duration.seconds(60)

    private let subject: Subject
    private let volume: String
    private let transcoder: JSONTranscoder

    /// - Parameter volume: of mounts only those of this volume; empty for all.
    package init(_ subject: Subject, volume: String = "", catalog: DescriptorCatalog = .compiledIn) {
        self.subject = subject
        self.volume = volume
        transcoder = JSONTranscoder(catalog: catalog)
    }

    /// - Throws: when there is nobody to ask.
    package func run(at endpoint: UnixEndpoint) async throws(UsageError) -> Outcome {
        do {
            let channel = try GRPCChannel(to: endpoint)
            defer { channel.close() }
            return await entries(on: channel)
        } catch {
            throw UsageError(error.description)
        }
    }

    private func entries(on channel: GRPCChannel) async -> Outcome {
        var entries: [JSONValue] = []
        var token = ""
        do throws(GRPCStatus) {
            repeat {
                let page = try await page(after: token, on: channel)
                entries += page.elements("entries")
                token = page.text("nextToken")
            } while !token.isEmpty
            return .entries(entries)
        } catch {
            return .failed(error)
        }
    }

    private func page(after token: String, on channel: GRPCChannel) async throws(GRPCStatus) -> JSONValue {
        // Shares have no pages.
        var request = subject == .shares ? [] : [JSONMember("startingToken", .string(token))]
        if !volume.isEmpty { request.append(JSONMember("volumeId", .string(volume))) }
        let service = "moorage.inspect.v1"
        let message = "\(service).\(subject.rawValue)"
        let bytes: [UInt8]
        do {
            bytes = try transcoder.bytes(of: message + "Request", json: .object(request))
        } catch {
            throw GRPCStatus(.internalError, "\(error)")
        }
        let answer = try await channel.unary("/\(service).Inspect/\(subject.rawValue)", bytes, timeout: Self.timeout)
        do {
            var options = JSONTranscoder.Options()
            options.showsDefaults = true
            return try transcoder.json(of: message + "Response", bytes: answer, options: options)
        } catch {
            throw GRPCStatus(.internalError, "the answer is no \(message)Response: \(error)")
        }
    }

    /// The entries as one array, for programs.
    package static func json(_ entries: [JSONValue]) -> String {
        JSONValue.array(entries).text() + "\n"
    }

    /// The entries for people.
    package static func table(of subject: Subject, _ entries: [JSONValue]) -> Table {
        switch subject {
        case .volumes: volumes(entries)
        case .mounts: mounts(entries)
        case .shares: shares(entries)
        }
    }

    private static func volumes(_ entries: [JSONValue]) -> Table {
        var table = Table([
            .init("VOLUME"), .init("NAME"), .init("POOL"), .init("SIZE", .right), .init("STATE"),
            .init("MOUNTS", .right), .init("CREATED"), .init("PATH"),
        ])
        for entry in entries {
            let size = UInt64(entry.text("capacityBytes")) ?? 0
            table.add([
                entry.text("volumeId"), entry.text("name"), entry.text("pool"), size == 0 ? "" : HumanSize.text(size),
                entry.text("state"), entry.text("mounts"), entry.text("created"), entry.text("path"),
            ])
        }
        return table
    }

    private static func mounts(_ entries: [JSONValue]) -> Table {
        var table = Table([
            .init("VOLUME"), .init("ROLE"), .init("PRESENCE"), .init("MODE"), .init("TYPE"), .init("FLAGS"),
            .init("SHARE"), .init("PATH"),
        ])
        for entry in entries {
            let flags = entry.elements("flags").compactMap { flag in
                if case .string(let text) = flag { text } else { nil }
            }
            let presence = entry.text("presence")
            table.add([
                entry.text("volumeId"), entry.text("role"), presence == "PRESENCE_UNKNOWN" ? "UNKNOWN" : presence,
                entry.text("accessMode"), entry.text("block") == "true" ? "block" : "directory",
                flags.joined(separator: ","), entry.text("share"), entry.text("path"),
            ])
        }
        return table
    }

    private static func shares(_ entries: [JSONValue]) -> Table {
        var table = Table([
            .init("SHARE"), .init("CIRCUIT"), .init("SINCE"), .init("CAUSE"), .init("THREADS", .right),
            .init("STUCK", .right), .init("QUEUED", .right), .init("LARGEST", .right), .init("RELEASES", .right),
            .init("ADMITTED", .right), .init("TIMEDOUT", .right), .init("LATE", .right), .init("REFUSED"),
            .init("ROOTS", .right), .init("USED"),
        ])
        for entry in entries {
            let cause = entry.text("cause")
            let refused = ["queueFull", "silent", "stuck", "deadline", "cancelled", "closed"].compactMap { reason in
                let count = entry.member("refused")?.text(reason) ?? "0"
                return count == "0" ? nil : "\(reason):\(count)"
            }
            table.add([
                entry.text("name"), entry.text("circuit"), entry.text("since"),
                cause == "CAUSE_UNKNOWN" ? "" : cause, entry.text("threads"), entry.text("stuck"),
                entry.text("queued"), entry.text("largestQueue"), entry.text("releases"), entry.text("admitted"),
                entry.text("timedOut"), entry.text("late"), refused.joined(separator: ","), entry.text("roots"),
                entry.text("rootsUsed"),
            ])
        }
        return table
    }
}

extension JSONValue {
    func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// A scalar member as text; empty when there is none.
    func text(_ name: String) -> String {
        switch member(name) {
        case .string(let text), .number(let text): text
        case .bool(let value): value ? "true" : "false"
        default: ""
        }
    }

    func elements(_ name: String) -> [JSONValue] {
        if case .array(let elements) = member(name) { elements } else { [] }
    }
}
