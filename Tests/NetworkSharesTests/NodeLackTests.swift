import LinuxSystem
import NetworkShares
import StorageModel
import SystemPackage
import Testing

@Suite("What a node lacks for a mount")
struct NodeLackTests {
    private static func lack(
        _ options: [NetworkShare.Option], _ errno: Errno, step: MountFailure.Step = .create, portMapper: Bool? = false
    ) -> NodeLack? {
        let share = NetworkShare(
            name: "nas:/share", host: "nas", attempts: [NetworkShare.Attempt(type: "nfs", options: options)])
        let refusal = MountFailure.Refusal(attempt: 0, type: "nfs", step: step, errno: errno, messages: "")
        return NodeLack(of: refusal, share, isPortMapperThere: { portMapper })
    }

    private static let three = NetworkShare.Option.value("vers", "3")

    @Test("a refused connection is a missing rpcbind only where locks are asked for and it is not there")
    func locks() {
        #expect(Self.lack([Self.three], .connectionRefused) == .lockServices)
        #expect(Self.lack([Self.three, .value("local_lock", "flock")], .connectionRefused) == .lockServices)
        for options in [
            [.value("vers", "4.2")], [Self.three, .flag("nolock")], [Self.three, .value("local_lock", "all")],
        ] as [[NetworkShare.Option]] {
            #expect(Self.lack(options, .connectionRefused) == nil, "\(options)")
        }
        for isThere in [true, nil] as [Bool?] {
            #expect(Self.lack([Self.three], .connectionRefused, portMapper: isThere) == nil)
        }
        #expect(Self.lack([Self.three], .timedOut) == nil)
        #expect(NodeLack.lockServices.remedy.contains("nolock"))
        #expect(NodeLack.lockServices.remedy.contains("rpc.statd"))
    }

    @Test(
        "a mount with Kerberos that is refused without the server's word lacks rpc.gssd",
        arguments: ["krb5", "krb5i", "krb5p", "sys:krb5"])
    func kerberos(flavours: String) {
        for errno in [.invalidArgument, .permissionDenied, .notPermitted, Errno(rawValue: 126)] as [Errno] {
            #expect(Self.lack([.value("sec", flavours)], errno) == .credentials, "\(errno)")
            #expect(Self.lack([.value("sec", "sys")], errno) == nil)
            #expect(Self.lack([], errno) == nil)
        }
        #expect(Self.lack([.value("sec", flavours)], .timedOut) == nil)
        #expect(Self.lack([.value("sec", flavours)], .invalidArgument, step: .setting(0)) == nil)
        #expect(NodeLack.credentials.remedy.contains("rpc.gssd"))
    }

    @Test("a label that the kernel does not know is told from another option")
    func labels() {
        let options = [Self.three, NetworkShare.Option.value("context", "s3cret:b:c")]
        #expect(Self.lack(options, .invalidArgument, step: .setting(1)) == .labels)
        #expect(Self.lack(options, .invalidArgument, step: .setting(0)) == nil)
        #expect(Self.lack(options, .invalidArgument, step: .setting(2)) == nil)
        #expect(!NodeLack.labels.remedy.contains("s3cret"))
    }
}
