import Glibc

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Optional {
    func required(_ otherwise: String) throws -> Wrapped {
        guard let self else { throw Failure(otherwise) }
        return self
    }
}

/// How many times as long something may take on a machine that is slow (hack/vm --cpus).
private let patience = getenv("MOORAGE_TEST_PATIENCE").flatMap { Int(String(cString: $0)) } ?? 1

/// Asks again every few milliseconds, for what the driver does in its own time.
func eventually(
    _ what: String, within seconds: Int = 20, _ isSo: () async throws -> Bool
) async throws {
    let seconds = seconds * patience
    let end = ContinuousClock.now + .seconds(seconds)
    while try await !isSo() {
        guard ContinuousClock.now < end else { throw Failure("not within \(seconds) s: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Of this checkout.
let packageRoot = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()

/// The directory that SwiftPM builds into, where the test bundle and the driver lie side by side.
let builtProducts: String = {
    var path = [UInt8](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count)
    return String(decoding: path.prefix(max(0, count)), as: UTF8.self)
        .split(separator: "/").dropLast().map { "/" + $0 }.joined()
}()

func readFile(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = fread(&buffer, 1, buffer.count, file)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer[..<count]
    }
}

/// Makes the file when it is missing; the error is that of open(2) or write(2).
func writeFile(_ path: String, _ text: String) -> Int32? {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return errno }
    defer { close(file) }
    let bytes = Array(text.utf8)
    return write(file, bytes, bytes.count) == bytes.count ? nil : errno
}

/// With its parents.
func makeDirectory(_ path: String) throws {
    var made = ""
    for component in path.split(separator: "/") {
        made += "/\(component)"
        guard mkdir(made, 0o755) == 0 || errno == EEXIST else { throw Failure("mkdir \(made): errno \(errno)") }
    }
}

func exists(_ path: String) -> Bool {
    access(path, F_OK) == 0
}

/// The 12 permission bits; nil when nothing is there.
func permissions(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}

/// The names in a directory, sorted.
func entries(_ path: String) throws -> [String] {
    guard let directory = opendir(path) else { throw Failure("opendir \(path): errno \(errno)") }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// Mount points below a directory, the last mounted first. The paths of these tests need no unescaping.
func mounts(below directory: String) -> [String] {
    (readFile("/proc/self/mountinfo") ?? "").split(separator: "\n")
        .map { String($0.split(separator: " ")[4]) }
        .filter { $0.hasPrefix(directory + "/") }
        .reversed()
}
