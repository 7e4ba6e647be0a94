import ArgumentParser

@main
struct Moorage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "moorage",
        abstract: "A CSI storage driver for directories on a node's own disks.",
        version: "moorage \(version)",
        subcommands: [
            Serve.self, CallCommand.self, VolumesCommand.self, MountsCommand.self, SharesCommand.self,
            DoctorCommand.self,
        ])

    /// The one place where the version stands.
    static let version = "0.1.0"
}
