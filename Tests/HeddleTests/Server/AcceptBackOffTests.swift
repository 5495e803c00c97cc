import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct AcceptBackOffTests {
        @Test func `nobody waiting is no trouble`() {
            var backOff = AcceptBackOff()
            expect(backOff.failed("EAGAIN"), .wait)
        }

        @Test(arguments: [
            "ECONNABORTED", "EINTR", "EPROTO", "EPERM", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN",
            "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH", "ETIMEDOUT",
        ])
        func `an error of one connection is passed over`(name: String) {
            var backOff = AcceptBackOff()
            expect(backOff.failed(name), .next)
        }

        @Test(arguments: ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])
        func `a shortage pauses and is news once an episode`(name: String) {
            var backOff = AcceptBackOff()
            expect(backOff.accepted(), false)
            expect(backOff.failed(name), .pause(isNews: true))
            expect(backOff.failed(name), .pause(isNews: false))
            expect(backOff.failed("ENOMEM"), .pause(isNews: false))
            expect(backOff.accepted(), true)
            expect(backOff.accepted(), false)
            expect(backOff.failed(name), .pause(isNews: true))
        }

        @Test func `an empty backlog does not end an episode`() {
            var backOff = AcceptBackOff()
            _ = backOff.failed("EMFILE")
            _ = backOff.failed("EAGAIN")
            expect(backOff.failed("EMFILE"), .pause(isNews: false))
        }

        @Test(arguments: ["EBADF", "EINVAL", "ENOTSOCK", "EFAULT", "no such name", ""])
        func `a broken listening socket is the end`(name: String) {
            var backOff = AcceptBackOff()
            expect(backOff.failed(name), .fail)
        }
    }
}
