import CSIEndpoint
import GRPCServing
import StorageModel
import Testing

@Suite("The status of an error")
struct StatusTests {
    @Test(
        "every code of the model has the gRPC code of its name",
        arguments: [
            .cancelled, .invalidArgument, .deadlineExceeded, .notFound, .alreadyExists, .permissionDenied,
            .resourceExhausted, .failedPrecondition, .aborted, .outOfRange, .unimplemented, .internalError,
            .unavailable,
            .unauthenticated,
        ] as [DriverError.Code])
    func codes(code: DriverError.Code) {
        let status = GRPCStatus(DriverError(code, "what to do", cause: "what the kernel said"))
        #expect(status.code.name == code.name)
        #expect(status.message == "what to do")
    }
}
