import FoundationEssentials
import Glibc
import LinuxSystem
import SystemPackage
import Testing
import TreeCopy

/// A directory of its own for one test.
private final class Scratch {
    let path: String
    let directory: OwnedDescriptor

    init() throws {
        var template = Array("/tmp/moorage-tree.XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
        directory = try OwnedDescriptor.open(path, [.readOnly, .directory])
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String, _ text: String = "") throws {
        try directory.open(beneath: name, [.writeOnly, .create], mode: 0o600).write(Array(text.utf8))
    }

    func exists(_ name: String) -> Bool {
        (try? directory.status(of: name)) != nil
    }

    func names(in name: String) throws -> [String] {
        var names: [String] = []
        try directory.open(beneath: name, [.readOnly, .directory]).forEachEntry {
            names.append($0.name.description)
            return true
        }
        return names.sorted()
    }

    /// Makes `levels` directories inside each other below `name`, a file beside each, and returns nothing open.
    func deepTree(_ name: String, levels: Int) throws {
        try directory.makeDirectory(name, permissions: 0o700)
        var here = try directory.open(beneath: name, [.readOnly, .directory])
        for _ in 0..<levels {
            try here.makeDirectory("deeper", permissions: 0o700)
            _ = try here.open(beneath: "beside", [.writeOnly, .create], mode: 0o600)
            here = try here.open(beneath: "deeper", [.readOnly, .directory])
        }
    }
}

/// How many descriptors are open below `path`: other suites open theirs at the same time.
private func openDescriptors(below path: String) -> Int {
    var count = 0
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
        var target = [UInt8](repeating: 0, count: 4096)
        let length = readlink("/proc/self/fd/\(name)", &target, target.count)
        // Nobody else has a path that is too long to be told.
        if length < 0 ? errno == ENAMETOOLONG : target.starts(with: path.utf8) { count += 1 }
    }
    return count
}

@Suite("Removing trees", .timeLimit(.minutes(1)), .serialized)
struct TreeRemovalTests {
    @Test("a tree of 3,000 levels goes with few descriptors open")
    func deep() throws {
        let scratch = try Scratch()
        try scratch.deepTree("tree", levels: 3000)
        var most = 0
        var calls = 0
        let outcome = try TreeRemoval.remove("tree", in: scratch.directory) {
            calls += 1
            if calls % 1000 == 0 { most = max(most, openDescriptors(below: scratch.path)) }
            return false
        }
        #expect(outcome == .removed)
        #expect(try scratch.names(in: ".") == [])
        #expect((10..<25).contains(most), "\(most)")
    }

    @Test("10,000 files and 5,000 directories go, whatever their names are")
    func wide() throws {
        let scratch = try Scratch()
        try scratch.directory.makeDirectory("tree", permissions: 0o700)
        let tree = try scratch.directory.open(beneath: "tree", [.readOnly, .directory])
        for index in 0..<10_000 { _ = try tree.open(beneath: "file \(index)", [.writeOnly, .create], mode: 0) }
        for index in 0..<5000 { try tree.makeDirectory("directory \(index)", permissions: 0o700) }
        let odd: [[UInt8]] = [
            [0xff, 0xfe], [0x0a], [0x20], Array("-rf".utf8), Array("...".utf8), Array("*".utf8), [0xc3, 0x28], [0x1b],
            [UInt8](repeating: 0x61, count: 255),
        ]
        for name in odd {
            let path = Array("\(scratch.path)/tree/".utf8) + name
            #expect(mkdir(path.map(CChar.init(bitPattern:)) + [0], 0o700) == 0)
            let inside = path + [0x2f] + name
            let file = open(inside.map(CChar.init(bitPattern:)) + [0], O_WRONLY | O_CREAT, 0o600)
            #expect(file >= 0)
            close(file)
        }
        #expect(try TreeRemoval.remove("tree", in: scratch.directory) == .removed)
        #expect(try scratch.names(in: ".") == [])
    }

    @Test("links go, and what they point to stays")
    func links() throws {
        let scratch = try Scratch()
        try scratch.directory.makeDirectory("victim", permissions: 0o700)
        try scratch.file("victim/precious", "1")
        try scratch.directory.makeDirectory("tree", permissions: 0o700)
        let targets = ["\(scratch.path)/victim", "../victim", "../victim/precious", "nowhere", ".", "/"]
        for (index, target) in targets.enumerated() {
            #expect(symlink(target, "\(scratch.path)/tree/link\(index)") == 0)
        }
        #expect(link("\(scratch.path)/victim/precious", "\(scratch.path)/tree/hard") == 0)
        #expect(mkfifo("\(scratch.path)/tree/fifo", 0o600) == 0)
        #expect(try TreeRemoval.remove("tree", in: scratch.directory) == .removed)
        #expect(try scratch.names(in: ".") == ["victim"])
        #expect(try scratch.names(in: "victim") == ["precious"])
    }

    @Test("a file, a link and nothing at all are removed like a tree")
    func single() throws {
        let scratch = try Scratch()
        try scratch.directory.makeDirectory("victim", permissions: 0o700)
        try scratch.file("file")
        #expect(symlink("victim", "\(scratch.path)/link") == 0)
        for name in ["file", "link", "nothing"] {
            #expect(try TreeRemoval.remove(name, in: scratch.directory) == .removed)
            #expect(!scratch.exists(name))
        }
        #expect(scratch.exists("victim"))
    }

    @Test("a removal that is stopped ends at once, and another one finishes it", arguments: [0, 1, 17, 60, 1999])
    func stop(after entries: Int) throws {
        let scratch = try Scratch()
        try scratch.deepTree("tree", levels: 1000)
        var calls = 0
        let outcome = try TreeRemoval.remove("tree", in: scratch.directory) {
            calls += 1
            return calls > entries
        }
        #expect(outcome == .stopped)
        #expect(calls == entries + 1)
        #expect(scratch.exists("tree"))
        #expect(try TreeRemoval.remove("tree", in: scratch.directory) == .removed)
        #expect(!scratch.exists("tree"))
    }

    @Test("a directory that is moved away while work goes on in it takes nothing else along")
    func moved() throws {
        let scratch = try Scratch()
        try scratch.directory.makeDirectory("outside", permissions: 0o700)
        try scratch.file("outside/precious")
        try scratch.deepTree("tree", levels: 100)
        var hasMoved = false
        let failure = #expect(throws: TreeRemoval.Failure.self) {
            try TreeRemoval.remove("tree", in: scratch.directory) {
                // The deepest directory is reached when the files beside all others are gone.
                if !hasMoved, !scratch.exists("tree" + String(repeating: "/deeper", count: 99) + "/beside") {
                    rename("\(scratch.path)/tree/deeper/deeper", "\(scratch.path)/outside/moved")
                    hasMoved = true
                }
                return false
            }
        }
        #expect(hasMoved)
        #expect(failure?.reason == .moved)
        #expect(scratch.exists("outside/precious"))
        #expect(scratch.exists("tree"))
        #expect(try TreeRemoval.remove("tree", in: scratch.directory) == .removed)
    }

    @Test("a tree that somebody keeps writing into is given up, not chased for ever")
    func written() throws {
        let scratch = try Scratch()
        try scratch.directory.makeDirectory("tree", permissions: 0o700)
        try scratch.directory.makeDirectory("tree/busy", permissions: 0o700)
        try scratch.file("tree/quiet")
        let failure = #expect(throws: TreeRemoval.Failure.self) {
            try TreeRemoval.remove("tree", in: scratch.directory) {
                if (try? scratch.names(in: "tree/busy"))?.isEmpty == true { try? scratch.file("tree/busy/again") }
                return false
            }
        }
        #expect(failure?.reason == .stillWrittenTo)
        #expect(failure?.description == "tree/busy: it is still being written to")
        #expect(failure?.count == 1)
        #expect(try scratch.names(in: "tree") == ["busy"])
        #expect(try TreeRemoval.remove("tree", in: scratch.directory) == .removed)
    }
}
