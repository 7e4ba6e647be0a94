import JSONText
import LinuxSystem
import StorageModel

/// What the facts about NFS mean.
extension Diagnosis {
    static func nfs(_ facts: NFSFacts) -> [Finding] {
        [kernel(facts), program(facts)] + NFSFacts.Service.allCases.map { service($0, facts.running) }
            + facts.pools.map(pool)
    }

    private static func kernel(_ facts: NFSFacts) -> Finding {
        let check = "NFS client"
        let load = "load its module (modprobe nfsv4, modprobe nfs) on the node, or use a kernel that has it"
        switch (facts.versionFour, facts.versionThree) {
        case (nil, nil):
            return .ok(check, "versions 4 and 3")
        case (let four?, let three?):
            let denied = four.kind == .notPermitted
            return .problem(
                check, "this kernel does not open file systems of type nfs4 (\(four)) and nfs (\(three))",
                denied ? "run with CAP_SYS_ADMIN (in a container: privileged)" : load)
        case (let four?, nil):
            return .warning(check, "version 3 alone; of version 4 the kernel says: \(four)", load)
        case (nil, let three?):
            return .warning(check, "version 4 alone; of version 3 the kernel says: \(three)", load)
        }
    }

    private static func program(_ facts: NFSFacts) -> Finding {
        let (check, path) = ("moorage-mount", facts.mountProgram)
        let install = "install it beside moorage, from the same release, or give its path with --mount-program"
        switch facts.program {
        case .success(true): return .ok(check, path)
        case .success(false): return .problem(check, "\(path) is no program that can be run", install)
        case .failure(let refusal) where refusal.kind == .missing:
            return .problem(check, "\(path) does not exist, and nothing can be mounted without it", install)
        case .failure(let refusal): return .problem(check, "\(path) cannot be looked at: \(refusal)", install)
        }
    }

    /// A note: whether mounts need it only their options say.
    private static func service(_ service: NFSFacts.Service, _ running: Result<Set<String>, Refusal>) -> Finding {
        let check = service.rawValue
        switch running {
        case .success(let names) where names.contains(check): return .ok(check, "runs")
        case .success: return .ok(check, "does not run, or not where this can see it; \(service.purpose)")
        case .failure(let refusal): return .ok(check, "/proc cannot be read: \(refusal); \(service.purpose)")
        }
    }

    private static func pool(_ pool: NFSFacts.Pool) -> Finding {
        let (check, share) = ("NFS pool \(pool.subject.name)", pool.subject.share.name)
        switch pool.format {
        case .failure(let error):
            let (found, remedy) = split(error.message)
            return .problem(check, found, remedy)
        case .success(nil):
            return .ok(check, "\(share) can be mounted; no volume was ever made there")
        case .success(let content?):
            do throws(JSONObject.Mismatch) {
                return .ok(check, "\(share) can be mounted; it holds the pool \(try PoolDiagnosis.id(in: content))")
            } catch {
                return .problem(
                    check, "\(share)/.moorage/format cannot be used: \(error)",
                    "use a driver that knows it, or restore the file")
            }
        }
    }

    /// An error says what to do behind its last semicolon.
    private static func split(_ message: String) -> (found: String, remedy: String) {
        guard let sign = message.lastIndex(of: ";") else { return (message, "see the driver's log") }
        return (String(message[..<sign]), String(message[message.index(after: sign)...].drop { $0 == " " }))
    }
}
