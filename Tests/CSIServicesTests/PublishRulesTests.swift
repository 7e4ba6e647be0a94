import CSIServices
import StorageModel
import Testing

/// The tables of NodePublishVolume in the CSI specification, cell by cell.
@Suite("Publish rules")
struct PublishRulesTests {
    private static func intent(
        _ mode: AccessMode, at path: String, readOnly: Bool = false, role: MountRole = .publish, isBlock: Bool = false,
        options: MountOptionsDigest? = nil
    ) -> MountIntent {
        var attributes = MountAttributes()
        attributes.readOnly = readOnly
        return MountIntent(
            volume: VolumeID("v"), role: role, path: path, accessMode: mode, isBlock: isBlock,
            attributes: attributes, options: options)
    }

    private static func code(
        _ second: MountIntent, after first: MountIntent, presence: TrackedMount.Presence = .mounted,
        policy: SingleNodeWriterPolicy = .exclusive
    ) -> DriverError.Code? {
        let rules = PublishRules(singleNodeWriter: policy)
        let mounts = [TrackedMount(intent: first, presence: presence)]
        do throws(DriverError) {
            switch second.role {
            case .publish: try rules.checkPublish(second, among: mounts)
            case .stage: try rules.checkStage(second, among: mounts)
            }
            return nil
        } catch {
            return error.code
        }
    }

    @Test("the same target with the same arguments is fine in every mode", arguments: AccessMode.allCases)
    func sameTargetSameArguments(mode: AccessMode) {
        #expect(Self.code(Self.intent(mode, at: "/a"), after: Self.intent(mode, at: "/a")) == nil)
    }

    @Test("the same target with other arguments is ALREADY_EXISTS in every mode", arguments: AccessMode.allCases)
    func sameTargetOtherArguments(mode: AccessMode) {
        let second = Self.intent(mode, at: "/a", readOnly: true)
        #expect(Self.code(second, after: Self.intent(mode, at: "/a")) == .alreadyExists)
    }

    @Test(
        "another target is refused when one node may use the volume once",
        arguments: [.singleNodeSingleWriter, .singleNodeReaderOnly, .singleNodeWriter] as [AccessMode], [false, true])
    func otherTargetExclusive(mode: AccessMode, readOnly: Bool) {
        let second = Self.intent(mode, at: "/b", readOnly: readOnly)
        #expect(Self.code(second, after: Self.intent(mode, at: "/a")) == .failedPrecondition)
    }

    @Test(
        "another target is fine when many may use the volume",
        arguments: [
            .singleNodeMultiWriter, .multiNodeReaderOnly, .multiNodeSingleWriter, .multiNodeMultiWriter,
        ] as [AccessMode], [false, true])
    func otherTargetShared(mode: AccessMode, readOnly: Bool) {
        let second = Self.intent(mode, at: "/b", readOnly: readOnly)
        #expect(Self.code(second, after: Self.intent(mode, at: "/a")) == nil)
    }

    @Test("a block volume is held to the same tables", arguments: AccessMode.allCases)
    func block(mode: AccessMode) {
        let first = Self.intent(mode, at: "/a", isBlock: true)
        #expect(Self.code(first, after: first) == nil)
        let second = Self.code(Self.intent(mode, at: "/b", isBlock: true), after: first)
        #expect(second == Self.code(Self.intent(mode, at: "/b"), after: Self.intent(mode, at: "/a")))
        // As a directory it is another volume.
        #expect(Self.code(Self.intent(mode, at: "/a"), after: first) == .alreadyExists)
        #expect(Self.code(first, after: Self.intent(mode, at: "/a")) == .alreadyExists)
    }

    @Test("one exclusive publication excludes a shared one, whichever came first")
    func mixedModes() {
        let exclusive = Self.intent(.singleNodeSingleWriter, at: "/a")
        let shared = Self.intent(.singleNodeMultiWriter, at: "/b")
        #expect(Self.code(shared, after: exclusive) == .failedPrecondition)
        #expect(Self.code(exclusive, after: shared) == .failedPrecondition)
    }

    @Test("SINGLE_NODE_WRITER may be read as shared")
    func sharedPolicy() {
        let first = Self.intent(.singleNodeWriter, at: "/a")
        let second = Self.intent(.singleNodeWriter, at: "/b")
        #expect(Self.code(second, after: first, policy: .shared) == nil)
        #expect(Self.code(second, after: first, policy: .exclusive) == .failedPrecondition)
    }

    @Test(
        "on one target SINGLE_NODE_WRITER is either of the modes that replace it, and these differ from each other",
        arguments: [
            (AccessMode.singleNodeWriter, AccessMode.singleNodeSingleWriter, true),
            (.singleNodeMultiWriter, .singleNodeWriter, true), (.singleNodeSingleWriter, .singleNodeMultiWriter, false),
            (.singleNodeWriter, .singleNodeReaderOnly, false),
        ])
    func equivalentModes(one: AccessMode, other: AccessMode, isSame: Bool) {
        let code = Self.code(Self.intent(other, at: "/a"), after: Self.intent(one, at: "/a"))
        #expect(code == (isSame ? nil : .alreadyExists))
    }

    @Test("what is not mounted any more excludes nothing", arguments: [.absent, .foreign] as [TrackedMount.Presence])
    func stale(presence: TrackedMount.Presence) {
        let first = Self.intent(.singleNodeSingleWriter, at: "/a")
        #expect(Self.code(Self.intent(.singleNodeSingleWriter, at: "/b"), after: first, presence: presence) == nil)
        #expect(Self.code(Self.intent(.singleNodeMultiWriter, at: "/a"), after: first, presence: presence) == nil)
    }

    @Test("a volume is staged once: again there, ALREADY_EXISTS with other arguments, not elsewhere")
    func staging() {
        let first = Self.intent(.singleNodeWriter, at: "/s", role: .stage)
        #expect(Self.code(first, after: first) == nil)
        let readOnly = Self.intent(.singleNodeWriter, at: "/s", readOnly: true, role: .stage)
        #expect(Self.code(readOnly, after: first) == .alreadyExists)
        let elsewhere = Self.intent(.singleNodeWriter, at: "/t", role: .stage)
        #expect(Self.code(elsewhere, after: first) == .failedPrecondition)
    }

    @Test("the same path with other options of the file system is ALREADY_EXISTS; who does not know any has none")
    func otherOptions() {
        let one = MountOptionsDigest(options: ["vers=3"], labels: [])
        let other = MountOptionsDigest(options: ["vers=3", "hard"], labels: [])
        for role in [MountRole.publish, .stage] {
            func code(_ new: MountOptionsDigest?, _ old: MountOptionsDigest?) -> DriverError.Code? {
                Self.code(
                    Self.intent(.multiNodeMultiWriter, at: "/a", role: role, options: new),
                    after: Self.intent(.multiNodeMultiWriter, at: "/a", role: role, options: old))
            }
            #expect(code(one, one) == nil)
            #expect(code(one, other) == .alreadyExists)
            #expect(code(one, nil) == nil)
            #expect(code(nil, one) == nil)
        }
    }

    @Test("a publication has the label of what is staged, and no other can be asked for")
    func labels() {
        func digest(_ labels: [String], _ rest: [String] = []) -> MountOptionsDigest {
            MountOptionsDigest(options: rest + labels, labels: labels)
        }
        func code(
            _ asked: MountOptionsDigest?, _ staged: MountOptionsDigest?, _ presence: TrackedMount.Presence = .mounted
        ) -> DriverError.Code? {
            let stage = Self.intent(.multiNodeMultiWriter, at: "/s", role: .stage, options: staged)
            do throws(DriverError) {
                try PublishRules(singleNodeWriter: .exclusive).checkLabels(
                    Self.intent(.multiNodeMultiWriter, at: "/a", options: asked),
                    staged: TrackedMount(intent: stage, presence: presence))
                return nil
            } catch {
                return error.code
            }
        }
        let (one, other) = (digest(["context=a:b:c"]), digest(["context=a:b:d"]))
        #expect(code(one, one) == nil)
        #expect(code(digest([]), one) == nil)
        #expect(code(other, one) == .alreadyExists)
        #expect(code(one, digest([])) == .alreadyExists)
        #expect(code(one, nil) == nil)
        #expect(code(nil, one) == nil)
        #expect(code(other, one, .absent) == nil)
        // What else changed is the stage's.
        #expect(code(digest(["context=a:b:c"], ["vers=3"]), one) == nil)
    }
}
