import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("Targets that hold somebody's files", .privateMountNamespace, .timeLimit(.minutes(1)))
struct StrayTests {
    enum Stray: CaseIterable {
        case directory, file, link, pipe

        func make(at path: String, in node: TestNode) throws {
            switch self {
            case .directory:
                try makeDirectory(path)
                try writeFile(path + "/precious", "x")
            case .file: try writeFile(path, "x")
            case .link: try #require(symlink(node.pool, path) == 0)
            case .pipe: try #require(mkfifo(path, 0o600) == 0)
            }
        }
    }

    @Test(
        "what is no empty directory is moved aside, reported, neither followed nor changed", arguments: Stray.allCases,
        [false, true])
    func movedAside(stray: Stray, otherFileSystem: Bool) async throws {
        try await TestNode.with(stateOnFileSystemOfItsOwn: otherFileSystem) { node in
            let volume = try node.makeVolume("v1")
            let folder = otherFileSystem ? node.kubelet + "/.moorage-strays" : node.state + "/strays"
            // Twice the same path: neither takes the place of the other.
            for count in 1...2 {
                try stray.make(at: volume.target, in: node)
                let identity = try OwnedDescriptor.status(ofPath: volume.target).identity
                try await volume.unpublish()
                #expect(!exists(volume.target))
                guard case .strayMoved(volume.target, let place) = node.events.all.last else {
                    Issue.record("not reported")
                    return
                }
                #expect(place.hasPrefix(folder + "/"))
                #expect(try OwnedDescriptor.status(ofPath: place).identity == identity)
                #expect(listing(folder).count == count)
                #expect(try OwnedDescriptor.status(ofPath: folder).permissions == 0o700)
            }
            #expect(listing(node.pool) == ["v1"])
            if stray == .directory, case .strayMoved(_, let place) = node.events.all.last {
                #expect(readFile(place + "/precious") == "x")
            }
        }
    }

    @Test("files that appeared below a publication are moved aside when it ends")
    func belowAMount() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish()
            try #require(umount2(volume.target, 0) == 0)
            try writeFile(volume.target + "/written-beside-the-volume", "x")
            try await volume.unpublish()
            #expect(!exists(volume.target))
            #expect(try await volume.tracked() == [.stage: .mounted])
            let shelf = try #require(listing(node.state + "/strays").first)
            #expect(
                listing("\(node.state)/strays/\(shelf)/v1-target") == ["written-beside-the-volume"])
        }
    }

    @Test("an empty file is one that the driver could have made: it is removed")
    func emptyFile() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try writeFile(volume.target, "")
            try await volume.unpublish()
            #expect(!exists(volume.target))
            #expect(node.events.all.isEmpty)
        }
    }

    @Test(
        "elsewhere an empty directory goes, and nothing else that the ledger does not know", arguments: Stray.allCases)
    func elsewhere(stray: Stray) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let path = node.root + "/x"
            try makeDirectory(path)
            try await volume.unpublish(at: path)
            #expect(!exists(path))

            try stray.make(at: path, in: node)
            await expectFailure(.failedPrecondition) { try await volume.unpublish(at: path) }
            #expect(exists(path))
            #expect(node.events.all.isEmpty)
        }
    }

    @Test(
        "elsewhere what is in the way of a known target is moved aside, or the call fails and says so",
        arguments: [false, true])
    func knownElsewhere(otherFileSystem: Bool) async throws {
        try await TestNode.with(stateOnFileSystemOfItsOwn: otherFileSystem) { node in
            let volume = try node.makeVolume("v1")
            let path = node.root + "/x"
            try await volume.stage()
            try await volume.publish(at: path)
            try #require(umount2(path, 0) == 0)
            try writeFile(path + "/precious", "x")
            if otherFileSystem {
                await expectFailure(.failedPrecondition) { try await volume.unpublish(at: path) }
                #expect(listing(path) == ["precious"])
                #expect(try await volume.tracked()[.publish] == .absent)
                #expect(listing(node.state + "/strays").isEmpty)
            } else {
                try await volume.unpublish(at: path)
                #expect(!exists(path))
                #expect(listing(node.state + "/strays").count == 1)
            }
        }
    }
}
