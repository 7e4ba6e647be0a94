import GRPCServing
import Glibc
import JSONText
import Testing

/// Servers and nodes that come back while workloads write and calls are at work.
@Suite("Recovery of NFS volumes in use", .privateMountNamespace, .serialized, .timeLimit(.minutes(6)))
struct NFSRecoveryTests {
    @Test("a partitioned node's workload goes on when it is healed, and the other node never notices")
    func partition() async throws {
        try await NFSSite.each { site in
            let volume = try await PreparedCall(.publish, "shared", at: site)
            try await Driver.with(["--backends", "nfs"] + NFSSite.flags) { other in
                var there = try NFSVolume("shared", on: other, site.server, flags: volume.volume.flags)
                (there.id, there.context) = (volume.volume.id, volume.volume.context)
                try await there.stage()
                try await there.publish()
                let here = Writer(volume.volume.target() + "/here")
                let elsewhere = Writer(there.target() + "/elsewhere")
                try await here.goesOn()
                try await ServerState.partitioned.during(at: site) {
                    let answer = try await volume.answer()
                    #expect(answer.code == .unavailable, "\(answer)")
                    let before = here.acknowledged
                    try await elsewhere.goesOn()
                    #expect(here.acknowledged == before)
                    try await NFSVolume.live("meanwhile", on: other, site.server, flags: volume.volume.flags)
                }
                try await here.goesOn()
                try await here.stop(expectingAllIn: site.file("shared/here"))
                try await elsewhere.stop(expectingAllIn: site.file("shared/elsewhere"))
                #expect(here.failures == 0)
                #expect(elsewhere.failures == 0)
                try await there.unpublish()
                try await there.unstage()
            }
            try await volume.finish()
        }
    }

    @Test("a server restarted under load: each call succeeds or is to be repeated, and no acknowledged write is lost")
    func restartUnderLoad() async throws {
        try await NFSSite.each { site in
            let volume = try await PreparedCall(.publish, "busy", at: site)
            let writer = Writer(volume.volume.target() + "/log")
            try await writer.goesOn()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        for life in 0..<3 { try await Self.live("load-\(number)-\(life)", at: site) }
                    }
                }
                try await site.server.run("restart")
                try await writer.goesOn()
                try await group.waitForAll()
            }
            // What an orchestrator does with fsGroup, which is for every file.
            #expect(lchown(volume.volume.target() + "/data", getuid(), 1234) == 0)
            try await writer.stop(expectingAllIn: site.file("busy/log"))
            #expect(writer.failures == 0)
            try await volume.finish()
        }
    }

    /// As `NFSVolume.live`, by somebody who repeats what is UNAVAILABLE or ABORTED; any other error is one.
    private static func live(_ name: String, at site: NFSSite) async throws {
        var volume = try site.volume(name)
        try await insist("\(name) is created") { try await volume.create() }
        try await insist("\(name) is staged") { try await volume.stage() }
        try await insist("\(name) is published") { try await volume.publish() }
        if let error = writeFile(volume.target() + "/file", name) { throw Failure("\(name): errno \(error)") }
        guard readFile(site.file("\(name)/file")) == name else { throw Failure("\(name) lost its file") }
        try await insist("\(name) is unpublished") { try await volume.unpublish() }
        try await insist("\(name) is unstaged") { try await volume.unstage() }
        try await insist("\(name) is deleted") { try await volume.delete() }
    }

    @Test("an export that is removed and made again: the mounts heal, and the workload goes on in them")
    func exportRemoved() async throws {
        try await NFSSite.each { site in
            let volume = try await PreparedCall(.publish, "exported", at: site)
            let writer = Writer(volume.volume.target() + "/log")
            try await writer.goesOn()
            let mounted = mounts(below: site.driver.directory + "/kubelet")
            try await ServerState.exportRemoved.during(at: site) {
                try await eventually("the workload is told") { writer.failures > 0 }
                #expect(try await volume.volume.stats()["volumeCondition"]["abnormal"] == .bool(true))
            }
            try await writer.goesOn()
            #expect(mounts(below: site.driver.directory + "/kubelet") == mounted)
            try await writer.stop(expectingAllIn: site.file("exported/log"))
            try await volume.finish()
        }
    }

    @Test(
        "what is stale for good is mounted anew, and a container in the old mount never writes to the node's disk",
        arguments: [false, true])
    func stale(isOpenOnServer: Bool) async throws {
        try await NFSSite.each { site in
            let volume = try await PreparedCall(.publish, "stale", at: site)
            // As a container has it, which keeps what was mounted when it started.
            let container = open(volume.volume.target(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            #expect(container >= 0)
            // Then the server goes on answering for the directory: as one without a name.
            let onServer = isOpenOnServer ? open(site.file("stale"), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1
            defer { close(onServer) }
            try await site.server.run("remove", "\(NFSServer.files)/stale")
            try makeDirectory(site.file("stale"))
            #expect(writeFile(site.file("stale/data"), PreparedCall.data) == nil)
            try await insist("the stage is mounted anew") { try await volume.volume.stage() }
            let wrote = openat(container, "lost", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            #expect(wrote < 0)
            try await insist("the publication is mounted anew") { try await volume.volume.publish() }
            let isReported = site.driver.log.contains("staleMountReplaced")
            #expect(isReported)
            #expect(readFile(volume.volume.target() + "/data") == PreparedCall.data)
            #expect(writeFile(volume.volume.target() + "/after", "after") == nil)
            #expect(readFile(site.file("stale/after")) == "after")
            let wroteAfter = openat(container, "lost", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            #expect(wroteAfter < 0)
            close(container)
            #expect(!exists(site.file("stale/lost")))
            // That nothing is on the local disk is seen by unpublish, which would have moved it aside.
            try await volume.finish()
            #expect(!exists("\(site.driver.directory)/state/strays"))
        }
    }

    @Test("what is stale for good is measured as abnormal, and unmounted", arguments: [false, true])
    func staleEnd(isOpenOnServer: Bool) async throws {
        try await NFSSite.each { site in
            let volume = try await PreparedCall(.publish, "ended", at: site).volume
            let onServer = isOpenOnServer ? open(site.file("ended"), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1
            defer { close(onServer) }
            try await site.server.run("remove", "\(NFSServer.files)/ended")
            #expect(writeFile(volume.target() + "/lost", "lost") != nil)
            #expect(try await volume.stats()["volumeCondition"]["abnormal"] == .bool(true))
            for _ in 0..<2 { try await volume.unpublish() }
            for _ in 0..<2 { try await volume.unstage() }
            #expect(!mounts(below: site.driver.directory).contains { $0.contains("ended") })
            #expect(!exists("\(site.driver.directory)/state/strays"))
            for _ in 0..<2 { try await volume.delete() }
        }
    }

    @Test("what one controller is cut off from another one brings to its end, and the first one then agrees")
    func twoControllers() async throws {
        let cuts = [
            NFSMiddleTests.Cut(.create, "create-share.directory-made"),
            NFSMiddleTests.Cut(.delete, "delete-share.record-trashed"),
        ]
        try await NFSSite.each { site in
            let first = try await site.makeVolume("first")
            try await Driver.with(["--backends", "nfs"] + NFSSite.flags) { other in
                for (number, cut) in cuts.enumerated() {
                    let call = try await PreparedCall(cut.call, "cut-\(number)", at: site)
                    let pause = try PausePoint(cut.point, of: site.driver)
                    let task = Task { try await call.answer() }
                    try await pause.isReached()
                    try await ServerState.partitioned.during(at: site) {
                        pause.goOn()
                        var there = try NFSVolume("cut-\(number)", on: other, site.server, flags: call.volume.flags)
                        if cut.call == .create {
                            try await insist("the other one creates it") { try await there.create() }
                            #expect(writeFile(site.file("cut-\(number)/file"), "text") == nil)
                        } else {
                            there.id = call.volume.id
                            try await insist("the other one deletes it") { try await there.delete() }
                            #expect(!exists(site.file("cut-\(number)")))
                        }
                        #expect(try await task.value.code == .unavailable)
                    }
                    if cut.call == .create {
                        let again = try await site.makeVolume("cut-\(number)")
                        #expect(again.id == "\(site.server.address)#srv/x#cut-\(number)")
                        #expect(readFile(site.file("cut-\(number)/file")) == "text")
                    }
                    try await call.finish()
                }
            }
            try await insist("the first volume is deleted") { try await first.delete() }
        }
    }
}
