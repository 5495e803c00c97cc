import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct IOErrorTests {
        @Test func `an error reads as what was tried, on what, and why`() {
            let error = IOError(errno: ECONNREFUSED, "connect to", on: "127.0.0.1:1")
            #expect("\(error)" == "connect to 127.0.0.1:1: connection refused (ECONNREFUSED)")
            #expect(error.code == .connectionRefused)
            #expect(error.operation == "connect to")
            #expect(error.subject == "127.0.0.1:1")
            #expect(error.reason == "connection refused")
            #expect(error.systemName == "ECONNREFUSED")
            #expect(error.causes.isEmpty)
        }

        @Test func `without a subject or a system's name the text has no holes`() {
            let error = IOError(.timedOut, "upload", reason: "timed out after 2 s")
            #expect("\(error)" == "upload: timed out after 2 s")
            #expect(error.systemName == nil)
            #expect(error.subject == nil)
        }

        @Test func `the failures of each attempt are told`() {
            let causes = ["::1", "127.0.0.1"].map {
                IOError(errno: ECONNREFUSED, "connect to", on: $0)
            }
            let error = IOError(
                .connectionRefused, "connect to", on: "localhost:1", reason: "no address worked",
                causes: causes)
            #expect(error.causes.count == 2)
            #expect(
                "\(error)" == "connect to localhost:1: no address worked; "
                    + "connect to ::1: connection refused (ECONNREFUSED); "
                    + "connect to 127.0.0.1: connection refused (ECONNREFUSED)")
        }

        @Test(arguments: [
            (ECONNREFUSED, IOError.Code.connectionRefused), (EADDRINUSE, .addressInUse),
            (EADDRNOTAVAIL, .addressNotAvailable), (EACCES, .permissionDenied),
            (EPERM, .permissionDenied), (ETIMEDOUT, .timedOut), (EHOSTUNREACH, .unreachable),
            (ENETUNREACH, .unreachable), (EPIPE, .broken), (ECONNRESET, .broken),
            (ENOTCONN, .broken), (EBADF, .invalidArgument), (ENOTSOCK, .invalidArgument),
            (EMFILE, .resourcesExhausted), (ENFILE, .resourcesExhausted),
            (ENOMEM, .resourcesExhausted), (ENOBUFS, .resourcesExhausted), (EIO, .system),
            (ENOSPC, .outOfSpace), (ENOENT, .notFound), (EEXIST, .alreadyExists),
            (EISDIR, .wrongFileType), (ENOTEMPTY, .notEmpty), (EMSGSIZE, .limitExceeded),
        ])
        func `the system's reason decides the code`(number: Int32, code: IOError.Code) {
            #expect(IOError(errno: number, "try").code == code)
        }

        @Test func `a named code wins over the system's`() {
            let error = IOError(.resourcesExhausted, "create event loop", UVError(status: -EINVAL))
            #expect(error.code == .resourcesExhausted)
            #expect(error.systemName == "EINVAL")
        }

        @Test func `a number nobody knows still gives a text`() {
            let error = UVError(status: -9999)
            #expect(error.name.contains("9999"))
            #expect(error.message.contains("9999"))
        }

        @Test func `codes are told apart and named`() {
            #expect(IOError.Code.busy != .closed)
            #expect("\(IOError.Code.loopStopped)" == "loopStopped")
            #expect(Set([IOError.Code.busy, .busy, .closed]).count == 2)
        }
    }
}
