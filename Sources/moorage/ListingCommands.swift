import ArgumentParser
import CommandLineTools
import GRPCServing
import LinuxSystem

/// What `volumes`, `mounts` and `shares` have in common.
struct ListingOptions: ParsableArguments {
    @Option(help: "The driver's socket; also from CSI_ENDPOINT. (default: unix:///run/moorage/csi.sock)")
    var endpoint: String?

    @Flag(help: "Show the entries as one array of JSON.")
    var json = false

    func show(_ subject: Listing.Subject, volume: String = "") throws {
        do {
            let path = Setting.value("endpoint", flag: endpoint, default: ServeSettings.defaultEndpoint)
            let target = try UnixEndpoint(parsing: path)
            let listing = Listing(subject, volume: volume)
            switch try waitFor({ try await listing.run(at: target) }) {
            case .entries(let entries):
                StandardStream.output.write(json ? Listing.json(entries) : Listing.table(of: subject, entries).text)
            case .failed(let status):
                StandardStream.error.write("\(status)\n")
                throw ExitCode(1)
            }
        } catch let error as UsageError {
            throw ValidationError(error.description)
        } catch let error as EndpointError {
            throw ValidationError(error.description)
        }
    }
}

struct VolumesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volumes",
        abstract: "List the volumes of a running driver, retained ones and those being removed included.",
        discussion: """
            The exit code is 0 for a list, 1 for an error status, which is shown on standard error, and 64 when there \
            is no driver to ask.

            Examples:
              moorage volumes
              moorage volumes --json | jq -r '.[] | select(.state == "RETAINED") | .path'
            """)

    @OptionGroup var options: ListingOptions

    func run() throws {
        try options.show(.volumes)
    }
}

struct MountsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mounts",
        abstract: "List what a running driver was asked to mount, each with what the kernel says of it.",
        discussion: """
            PRESENCE is MOUNTED, ABSENT when nothing is mounted there, FOREIGN when something else is. The exit code \
            is 0 for a list, 1 for an error status, which is shown on standard error, and 64 when there is no driver \
            to ask.

            Examples:
              moorage mounts
              moorage mounts --volume h.0123456789ab.first --json
            """)

    @OptionGroup var options: ListingOptions

    @Option(help: "Only the mounts of the volume with this id.")
    var volume: String?

    func run() throws {
        try options.show(.mounts, volume: volume ?? "")
    }
}

struct SharesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shares",
        abstract: "List the network shares that a running driver has to do with, and how each of them answers.",
        discussion: """
            CIRCUIT is CLOSED while a share answers; OPEN while it does not and calls on it are refused at once, SINCE \
            when; HALF_OPEN while somebody finds out whether it answers again. STUCK are threads that wait in the \
            kernel for its server. No server is asked. The exit code is 0 for a list, 1 for an error status, which is \
            shown on standard error, and 64 when there is no driver to ask.

            Examples:
              moorage shares
              moorage shares --json | jq -r '.[] | select(.circuit != "CLOSED") | .name'
            """)

    @OptionGroup var options: ListingOptions

    func run() throws {
        try options.show(.shares)
    }
}
