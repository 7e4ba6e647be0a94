import ArgumentParser
import Glibc
import LinuxSystem
import Synchronization

/// The client of hack/bench: puts the same load on several running drivers in turn and prints what it took.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure running CSI drivers; started by hack/bench.")

    @Option(help: "NAME=SOCKET,PID of a driver; repeatable. The first is what the others are compared with.")
    var driver: [String] = []

    @Option(help: "NAME=SOCKET,PROGRAM ARGUMENT... of a driver whose start is measured; repeatable.")
    var start: [String] = []

    @Option(help: "Where staging directories and targets are made.")
    var directory: String

    @Option(help: "Where the drivers keep their volumes: what one durable file costs there is shown.")
    var disk: String

    @Option(help: "KEY=VALUE of the StorageClass; repeatable.")
    var parameter: [String] = []

    @Option(help: "How many volumes are there, staged and published, while lives are measured; in ascending order.")
    var volumes = "0,1500,10000"

    @Option(help: "Callers at once.")
    var callers = "1,8"

    @Option(help: "Rounds; in each every driver has its turn.")
    var rounds = 5

    @Option(help: "Lives of a volume in a round.")
    var lives = 100

    @Option(help: "Files in the large volume that is deleted.")
    var files = 100_000

    @Option(help: "Only the first driver is measured with more volumes than this.")
    var mostForOthers = 1500

    func run() throws {
        let drivers = try driver.map { try MeasuredDriver($0, directory: directory, parameters: parameter) }
        try measureStarts()
        try measureDisk()
        try measureProbes(drivers)
        var settled = 0
        for population in numbers(volumes) {
            let present = drivers.enumerated().filter { $0.offset == 0 || population <= mostForOthers }.map(\.element)
            for driver in present {
                let client = try driver.client()
                for number in settled..<population {
                    try client.settle("settled-\(number)", place: "settled-\(number)", nil)
                }
            }
            settled = population
            for callers in numbers(callers) {
                try measureLives(present, population: population, callers: callers)
            }
            if population == 0 {
                try showMemory(present)
                try measureLargeDelete(present)
            }
        }
    }

    private func measureStarts() throws {
        let started = try start.map { try StartedDriver($0) }
        guard !started.isEmpty else { return }
        let samples = started.map { _ in Samples() }
        for _ in 0..<15 {
            for (driver, samples) in zip(started, samples) { samples.add("start", try driver.timeToFirstProbe()) }
        }
        print("\n## Start to the first Probe answered, ms\n")
        Tables.show(["start"], started.map(\.name), samples)
    }

    private func measureDisk() throws {
        let samples = Samples()
        for _ in 0..<200 { samples.add("a durable file", try TimedDisk.durableFile(in: disk)) }
        print("\n## The disk itself: a new file of 300 bytes, named and synchronised, ms\n")
        Tables.show(["a durable file"], ["disk"], [samples])
    }

    private func measureLargeDelete(_ drivers: [MeasuredDriver]) throws {
        guard files > 0 else { return }
        let samples = drivers.map { _ in Samples() }
        for (driver, samples) in zip(drivers, samples) {
            try driver.client().live("large", place: "large", samples) { target in
                try TimedDisk.fill(target, files: files)
            }
        }
        print("\n## DeleteVolume of \(files) files, ms\n")
        Tables.show(["DeleteVolume"], drivers.map(\.name), samples)
    }

    private func measureProbes(_ drivers: [MeasuredDriver]) throws {
        let samples = drivers.map { _ in Samples() }
        for _ in 0..<rounds {
            for (driver, samples) in zip(drivers, samples) {
                let client = try driver.client()
                for _ in 0..<2000 { try client.probe(samples) }
            }
        }
        print("\n## Probe, 1 caller, ms\n")
        Tables.show(["Probe"], drivers.map(\.name), samples)
    }

    private func measureLives(_ drivers: [MeasuredDriver], population: Int, callers: Int) throws {
        let samples = drivers.map { _ in Samples() }
        for round in 0..<rounds {
            for (driver, samples) in zip(drivers, samples) {
                let start = ContinuousClock.now
                try atOnce(callers) { [lives] caller in
                    let client = try driver.client()
                    for life in stride(from: caller, to: lives, by: callers) {
                        let volume = "p\(population)-c\(callers)-r\(round)-\(life)"
                        try client.live(volume, place: "caller-\(caller)", samples)
                    }
                }
                samples.add(lives: lives, in: ContinuousClock.now - start)
            }
        }
        print("\n## Life of a volume, \(population) other volumes, \(callers) caller(s), ms\n")
        Tables.show(
            [
                "CreateVolume", "NodeStageVolume", "NodePublishVolume", "NodeGetVolumeStats", "NodeUnpublishVolume",
                "NodeUnstageVolume", "DeleteVolume",
            ], drivers.map(\.name), samples)
        let rates = samples.map { $0.livesPerSecond.map { Tables.text($0, 1) } ?? "" }
        print("| lives per second |" + rates.map { " \($0) |" }.joined())
    }

    /// Runs `body` on so many threads and waits for all of them.
    private func atOnce(_ callers: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
        let failures = SharedFailures()
        let hasEnded = ThreadSignal()
        for caller in 0..<callers {
            DetachedThread.start(name: "caller-\(caller)") {
                do { try body(caller) } catch { failures.add(error) }
                hasEnded.signal()
            }
        }
        for _ in 0..<callers { hasEnded.wait() }
        if let first = failures.first { throw first }
    }

    private func showMemory(_ drivers: [MeasuredDriver]) throws {
        print("\n## Memory after \(2000 * rounds) Probes and \(numbers(callers).count * rounds * lives) lives, KiB\n")
        print("| driver | resident | anonymous |\n|---|---|---|")
        for driver in drivers {
            let memory = try driver.memory()
            print("| \(driver.name) | \(memory.resident) | \(memory.anonymous) |")
        }
    }

    private func numbers(_ list: String) -> [Int] {
        list.split(separator: ",").compactMap { Int($0) }
    }
}

private final class SharedFailures: Sendable {
    private let failures = Mutex<[any Error]>([])

    var first: (any Error)? { failures.withLock { $0.first } }

    func add(_ failure: any Error) {
        failures.withLock { $0.append(failure) }
    }
}

/// A driver that runs already.
struct MeasuredDriver: Sendable {
    let name: String
    private let socket: String
    private let process: String
    private let directory: String
    private let parameters: [(key: String, value: String)]

    /// - Parameters:
    ///   - definition: NAME=SOCKET,PID
    ///   - parameters: KEY=VALUE each, of the StorageClass.
    init(_ definition: String, directory: String, parameters: [String]) throws {
        let parts = definition.split(whereSeparator: { $0 == "=" || $0 == "," }).map(String.init)
        guard parts.count == 3 else { throw ValidationError("--driver \(definition) is not NAME=SOCKET,PID") }
        (name, socket, process) = (parts[0], parts[1], parts[2])
        self.directory = "\(directory)/\(name)"
        self.parameters = try parameters.map { parameter in
            let parts = parameter.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw ValidationError("--parameter \(parameter) is not KEY=VALUE") }
            return (parts[0], parts[1])
        }
    }

    func client() throws -> VolumeClient {
        try VolumeClient(name: name, socket: socket, directory: directory, parameters: parameters)
    }

    /// In KiB (proc_pid_status(5), VmRSS and RssAnon).
    func memory() throws -> (resident: Int, anonymous: Int) {
        let bytes = try OwnedDescriptor.open("/proc/\(process)/status", .readOnly).readAll(limit: 1 << 16)
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        func value(_ key: String) -> Int {
            let words = lines.first { $0.hasPrefix(key) }?.split(whereSeparator: { $0 == " " || $0 == "\t" }) ?? []
            return words.count > 1 ? Int(words[1]) ?? 0 : 0
        }
        return (value("VmRSS:"), value("RssAnon:"))
    }
}
