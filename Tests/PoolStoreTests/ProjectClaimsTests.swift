import Glibc
import LinuxSystem
import StorageModel
import SystemPackage
import Testing

@testable import PoolStore

@Suite("Numbers of projects")
final class ProjectClaimsTests {
    private static let pool = PoolID("0123456789ab")

    private let share: Share
    private let quota = TestQuota()
    private let claims: ProjectClaims
    private let folder: OwnedDescriptor

    init() throws {
        share = try Share()
        share.makeDirectory("claims")
        folder = try .open(share.path + "/claims", [.readOnly, .directory])
        claims = ProjectClaims(pool: try #require(Self.pool), source: quota) { attempt, errno in
            DriverError(.internalError, "\(attempt): \(errno)")
        }
    }

    private func owner(_ name: String, at path: String? = nil) -> ProjectOwner {
        ProjectOwner(key: SharedVolumeRecord.key(ofName: name), path: path ?? name)
    }

    private func directory(_ name: String) throws -> OwnedDescriptor {
        share.makeDirectory(name)
        return try .open("\(share.path)/\(name)", [.readOnly, .directory])
    }

    private func take(_ owner: ProjectOwner) throws -> ProjectID {
        try claims.take(for: owner, in: folder, temporaries: folder, on: directory(owner.path))
    }

    private func candidates(_ owner: ProjectOwner) throws -> [ProjectID] {
        ProjectID.candidates(for: owner, in: try #require(Self.pool))
    }

    @Test("a volume's number is the same whenever it is asked for, and no other volume's")
    func stable() throws {
        var taken: [ProjectID] = []
        for index in 0..<50 { taken.append(try take(owner("pvc-\(index)"))) }
        for index in 0..<50 { #expect(try take(owner("pvc-\(index)")) == taken[index]) }
        #expect(Set(taken).count == 50)
        #expect(taken.allSatisfy { $0.number >= 1 << 30 && $0.number < 1 << 31 })
        #expect(share.names(in: "claims") == taken.map(\.description).sorted())
    }

    @Test("the numbers of two volumes, of one volume in two pools, and of two paths are others")
    func functionOfVolume() throws {
        let one = try candidates(owner("a"))
        #expect(Set(one).count == ProjectID.attempts)
        for other in [owner("b", at: "a"), owner("a", at: "b")] {
            #expect(Set(one).isDisjoint(with: try candidates(other)))
        }
        let elsewhere = try #require(PoolID("ba9876543210"))
        #expect(Set(one).isDisjoint(with: ProjectID.candidates(for: owner("a"), in: elsewhere)))
        #expect(claims.canBelong(one[3], to: owner("a")))
        #expect(!claims.canBelong(one[3], to: owner("b")))
    }

    @Test("a number that the file system knows is not taken: a limit, or a file", arguments: [true, false])
    func known(hasLimit: Bool) throws {
        let numbers = try candidates(owner("a"))
        quota.set { state in
            if hasLimit { state.limits[numbers[0].number] = 4096 } else { state.foreignFiles[numbers[0].number] = 1 }
        }
        #expect(try take(owner("a")) == numbers[1])
        #expect(share.names(in: "claims") == [numbers[1].description])
    }

    @Test("a number is not taken again before the data of its volume is gone")
    func reuse() throws {
        let number = try take(owner("a"))
        try quota.setMembership(.init(project: number.number, isInherited: true), of: directory("a"))
        #expect(rename("\(share.path)/a", "\(share.path)/trashed") == 0)
        try claims.release(number, of: owner("a"), in: folder)
        #expect(share.names(in: "claims").isEmpty)
        let next = try take(owner("a"))
        #expect(next != number)
        try claims.release(next, of: owner("a"), in: folder)
        #expect(rmdir("\(share.path)/trashed") == 0)
        #expect(try take(owner("a")) == number)
    }

    @Test("an attempt that died is gone on with: limit set or not, directory in the project or not")
    func repeated() throws {
        let number = try take(owner("a"))
        quota.set { $0.limits[number.number] = 4096 }
        #expect(try take(owner("a")) == number)
        try quota.setMembership(.init(project: number.number, isInherited: true), of: directory("a"))
        #expect(try take(owner("a")) == number)
    }

    @Test("a claimed number that somebody has files in by now is given up")
    func takenMeanwhile() throws {
        let number = try take(owner("a"))
        quota.set { $0.foreignFiles[number.number] = 3 }
        #expect(try take(owner("a")) != number)
        #expect(!share.names(in: "claims").contains(number.description))
    }

    @Test("a claim of somebody else, or one that says nothing, is respected and not given up by us")
    func foreignClaims() throws {
        let numbers = try candidates(owner("a"))
        share.write(#"{"volume": "b", "path": "b"}"#, to: "claims/\(numbers[0])")
        share.write("nonsense", to: "claims/\(numbers[1])")
        share.write(#"{"volume": "a", "path": "elsewhere"}"#, to: "claims/\(numbers[2])")
        #expect(try take(owner("a")) == numbers[3])
        for number in numbers[..<3] { try claims.release(number, of: owner("a"), in: folder) }
        #expect(share.names(in: "claims").count == 4)
    }

    @Test("whose folder another controller takes away is to call again, and claims nothing")
    func folderGone() throws {
        share.makeDirectory("gone")
        let gone = try OwnedDescriptor.open(share.path + "/gone", [.readOnly, .directory])
        #expect(rmdir(share.path + "/gone") == 0)
        let found = code {
            _ = try claims.take(for: owner("a"), in: folder, temporaries: gone, on: directory("a"))
        }
        #expect(found == .aborted)
        #expect(share.names(in: "claims").isEmpty)
    }

    @Test("where all are taken the call may be repeated, and nothing is claimed")
    func exhausted() throws {
        let numbers = try candidates(owner("a"))
        quota.set { state in for number in numbers { state.limits[number.number] = 1 } }
        #expect(code { _ = try take(owner("a")) } == .aborted)
        #expect(share.names(in: "claims").isEmpty)
    }

    @Test("what is no number of a volume is none", arguments: ["", "0", "7", "01073741824", "-1", "2147483648", "x"])
    func noNumber(name: String) {
        #expect(ProjectID(fileName: name) == nil)
    }
}
