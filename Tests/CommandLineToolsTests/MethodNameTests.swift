import CSIWire
import CommandLineTools
import JSONText
import Testing

@Suite("Names of methods on the command line")
struct MethodNameTests {
    @Test(
        "a method is found by every way of writing it",
        arguments: [
            "CreateVolume", "createvolume", "Controller/CreateVolume", "csi.v1.Controller/CreateVolume",
            "csi.v1.Controller.CreateVolume", "/csi.v1.Controller/CreateVolume",
        ])
    func found(name: String) throws {
        #expect(try MethodName.resolve(name, in: .compiledIn).path == "/csi.v1.Controller/CreateVolume")
    }

    @Test(
        "what is no whole name finds nothing",
        arguments: ["", "Volume", "eVolume", "csi.v1.Node/CreateVolume", "Creat"])
    func notFound(name: String) {
        #expect(throws: UsageError.self) { try MethodName.resolve(name, in: .compiledIn) }
    }

    @Test("a name that comes near is answered with those it comes near to")
    func suggestions() {
        let error = #expect(throws: UsageError.self) { try MethodName.resolve("Expand", in: .compiledIn) }
        #expect(error?.description.contains("csi.v1.Controller/ControllerExpandVolume") == true)
        #expect(error?.description.contains("csi.v1.Node/NodeExpandVolume") == true)
    }

    @Test("every method has an example that is a request of it", arguments: DescriptorCatalog.compiledIn.services)
    func examples(service: ServiceSchema) throws {
        for method in service.methods {
            let text = try Call().example(of: "\(service.name)/\(method.name)")
            _ = try JSONTranscoder().bytes(of: method.input, json: JSONValue(parsing: text))
        }
    }
}
