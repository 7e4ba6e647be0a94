import ArgumentParser
import BlockingWork
import CSIEndpoint
import CSIServices
import GRPCServing
import Glibc
import HostPathBackend
import LinuxSystem
import Logging
import MountTracking
import NFSBackend
import NetworkShares
import StorageModel

extension NodeMounts: MountTracker {}

/// The parts of a running driver, put together.
struct Driver {
    private let settings: ServeSettings
    private let logger: Logger
    private let workers: WorkerThreads
    private let hostPath: HostPathBackend?
    private let shares: NetworkShares
    /// What happens to shares is reported where a log that takes no more must hold up nothing.
    private let shareLog: ReportQueue
    private let mounts: NodeMounts
    private let health = Health()
    private let server: GRPCServer
    private let stateLock: StateLock

    init(_ settings: ServeSettings) throws {
        self.settings = settings
        let logger = Self.logger(settings)
        self.logger = logger
        stateLock = try StateLock(settings.stateDirectory)
        workers = WorkerThreads(name: "moorage-io", limit: 16)
        let shareLog = ReportQueue(name: "share-log") { dropped in
            logger.warning(
                "share", metadata: ["event": "\(dropped) events are missing here: the log was too slow for them"])
        }
        self.shareLog = shareLog
        shares = NetworkShares(
            stateDirectory: settings.stateDirectory, mounter: FileSystemMounter(program: settings.mountProgram),
            timeout: settings.shareTimeout,
            reportShare: { event in
                shareLog.submit { logger.notice("share", metadata: ["event": "\(event)"]) }
            },
            report: { event in
                let level: Logger.Level = !event.isTurn ? .debug : event.change == .closed ? .notice : .warning
                shareLog.submit { logger.log(level: level, "share", metadata: ["event": "\(event)"]) }
            })
        var all: [any VolumeBackend] = []
        if settings.backends.contains(.hostPath) {
            let backend = try HostPathBackend(
                pools: settings.pools, prefixes: settings.hostPathPrefixes, stateDirectory: settings.stateDirectory,
                nodeID: settings.nodeID, topology: settings.topology, workers: workers,
                report: { logger.log(level: $0.isProblem ? .warning : .info, "pool", metadata: ["event": "\($0)"]) })
            hostPath = backend
            all.append(backend)
        } else {
            hostPath = nil
        }
        if settings.backends.contains(.nfs) {
            all.append(
                try NFSBackend(
                    pools: settings.nfsPools, poolsOnly: settings.nfsPoolsOnly, exportRoots: settings.exportRoots,
                    defaultDeletePolicy: settings.defaultDeletePolicy, shares: shares,
                    stateDirectory: settings.stateDirectory,
                    report: { event in
                        let level: Logger.Level = event.isProblem ? .warning : .debug
                        shareLog.submit { logger.log(level: level, "share", metadata: ["event": "\(event)"]) }
                    }))
        }
        mounts = try NodeMounts(
            stateDirectory: settings.stateDirectory, ledgerBootID: nil, kubeletDirectories: settings.targetPrefixes,
            workers: workers, shares: shares, report: { logger.notice("mounts", metadata: ["event": "\($0)"]) })
        let backends = Backends(all)
        let gates = Gates()
        let controller = ControllerService(backends: backends, tracker: mounts, gates: gates)
        let node = NodeService(
            nodeID: settings.nodeID, topology: hostPath?.topology, backends: backends, tracker: mounts, gates: gates,
            rules: PublishRules(singleNodeWriter: settings.singleNodeWriter))
        let routes = Routes(
            identity: IdentityService(
                driverName: settings.driverName, version: Moorage.version, backends: backends),
            controller: settings.mode == .node ? nil : controller, node: settings.mode == .controller ? nil : node,
            inspect: InspectService(
                backends: backends, tracker: mounts, shares: { [shares] in shares.listing() }), health: health,
            log: RequestLog(logger: logger), storage: workers)
        server = GRPCServer(methods: routes.methods)
    }

    func start() throws {
        let (logger, mounts) = (logger, mounts)
        // Calls that need the ledger answer UNAVAILABLE until this is done; Probe does not wait for it.
        Task {
            do {
                let summary = try await mounts.reconcile()
                logger.info("mounts compared with the kernel", metadata: ["found": "\(summary)"])
            } catch {
                logger.critical("mounts cannot be compared with the kernel", metadata: ["error": "\(error)"])
            }
        }
        shares.start()
        hostPath?.start()
        try server.listen(on: settings.endpoint)
        logger.info(
            "serving",
            metadata: [
                "driver": "\(settings.driverName)", "endpoint": "\(settings.endpoint)", "node": "\(settings.nodeID)",
                "mode": "\(settings.mode.rawValue)", "version": "\(Moorage.version)",
            ])
    }

    /// Waits for a signal on this plain thread, lets calls finish, and returns; a second signal ends the process.
    func stop(at signals: TerminationSignals) {
        signals.wait()
        logger.info("stopping: calls may finish", metadata: ["seconds": "\(settings.drainTimeout.components.seconds)"])
        let logger = logger
        DetachedThread.start(name: "moorage-signal") {
            signals.wait()
            logger.warning("stopped at once by a second signal")
            _exit(1)
        }
        health.beginStopping()
        switch server.shutdown(grace: settings.drainTimeout) {
        case .drained:
            logger.info("stopped")
        case .answeredUnavailable(let calls):
            logger.warning("stopped; calls were answered UNAVAILABLE", metadata: ["calls": "\(calls)"])
        case .stuck(let handlers):
            // State on disk is whole at every moment, so nothing is gained by waiting for a call that does not end.
            logger.error("stopped with work that does not end", metadata: ["calls": "\(handlers)"])
            _exit(1)
        }
        hostPath?.stop()
        shares.stop()
        workers.close()
        shareLog.finish(within: .seconds(1))
    }

    private static func logger(_ settings: ServeSettings) -> Logger {
        let clock = LogClock(now: WallClock.now)
        let output = LogOutput(
            format: settings.logFormat, level: settings.logLevel, now: { clock.text },
            write: { StandardStream.error.write($0) })
        return Logger(label: "moorage") { _ in output }
    }
}
