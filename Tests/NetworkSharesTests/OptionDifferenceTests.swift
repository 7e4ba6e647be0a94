import LinuxSystem
import NetworkShares
import StorageModel
import Testing

@Suite("Options that the kernel took otherwise")
struct OptionDifferenceTests {
    private static func found(_ options: String) -> MountDescription {
        MountDescription(
            id: 1, type: "nfs4", source: "nas:/share", root: "/", attributes: ["rw"],
            options: options.split(separator: ",").map(String.init))
    }

    private static func differences(_ asked: [NetworkShare.Option], _ options: String) -> [String] {
        OptionDifference.between(OptionDifference.comparable(asked), found(options)).map(\.description)
    }

    @Test("numbers are compared with what the kernel says, or with what its silence means")
    func numbers() {
        let asked: [NetworkShare.Option] = [
            .value("nconnect", "4"), .value("timeo", "100"), .value("retrans", "3"), .value("rsize", "1048576"),
        ]
        #expect(Self.differences(asked, "rw,nconnect=4,timeo=100,retrans=3,rsize=1048576") == [])
        #expect(
            Self.differences(asked, "rw,timeo=600,retrans=3,rsize=262144") == [
                "nconnect 1 (asked for: 4)", "timeo 600 (asked for: 100)", "rsize 262144 (asked for: 1048576)",
            ])
        #expect(Self.differences([.value("nconnect", "1")], "rw") == [])
        // Of what it does not tell nothing is known.
        #expect(Self.differences([.value("wsize", "1024")], "rw") == [])
    }

    @Test("nothing but these numbers is looked at")
    func others() {
        let asked: [NetworkShare.Option] = [
            .value("context", "a:b:c"), .value("port", "2049"), .value("sec", "krb5"), .flag("hard"),
            .address("addr"), .value("vers", "4.2"),
        ]
        #expect(OptionDifference.comparable(asked).isEmpty)
    }

    @Test("the event names the share and the numbers")
    func event() {
        let event = ShareEvent.optionsDiffer(
            share: "nas:/share", [OptionDifference(name: "nconnect", asked: 4, taken: 1)])
        #expect("\(event)".hasPrefix("nas:/share is mounted with nconnect 1 (asked for: 4): "))
    }
}
