import CGRPCShims
import Glibc

/// Connects to the socket at the endpoint.
///
/// - Throws: when nothing is there, nobody listens, or the listener accepts nothing for a second.
func connectedSocket(to endpoint: UnixEndpoint) throws(EndpointError) -> Descriptor {
    func failure(_ found: String, _ remedy: String) -> EndpointError {
        EndpointError(asked: "connect to \(endpoint.path)", found: found, remedy: remedy)
    }
    let number = CGRPCShims_unixSocket()
    guard number >= 0 else { throw failure("socket failed: \(errorText(errno))", "raise the limit of open files") }
    let socket = Descriptor(takingOwnership: number)
    guard let directory = Descriptor.directory(endpoint.directory) else {
        let error = errno
        throw error == ENOENT
            ? failure("its directory does not exist", "check the path, or start the driver")
            : failure("open of its directory failed: \(errorText(error))", "check the path")
    }
    let address = SocketAddress(endpoint, in: directory)
    let end = ContinuousClock.now + .seconds(1)
    while address.connect(socket) != 0 {
        switch errno {
        case EINTR: continue
        case EAGAIN where ContinuousClock.now < end: usleep(5_000)  // its backlog is full: connect(2)
        case EAGAIN: throw failure("its listener accepts no connection", "look at the driver's log")
        case ENOENT: throw failure("there is no socket there", "check the path, or start the driver")
        case ECONNREFUSED: throw failure("nobody listens there", "start the driver")
        case EACCES, EPERM: throw failure("access is denied", "run as the user of the driver, usually root")
        case let error: throw failure("connect failed: \(errorText(error))", "check the path")
        }
    }
    return socket
}
