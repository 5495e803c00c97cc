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
            let pause = AcceptBackOff.pauseMilliseconds
            expect(backOff.failed(name), .pause(milliseconds: pause, isNews: true))
            expect(backOff.failed(name), .pause(milliseconds: pause, isNews: false))
            expect(backOff.failed("ENOMEM"), .pause(milliseconds: pause, isNews: false))
            backOff.accepted()
            expect(backOff.failed(name), .pause(milliseconds: pause, isNews: true))
        }

        @Test func `an empty backlog does not end an episode`() {
            var backOff = AcceptBackOff()
            _ = backOff.failed("EMFILE")
            _ = backOff.failed("EAGAIN")
            let pause = AcceptBackOff.pauseMilliseconds
            expect(backOff.failed("EMFILE"), .pause(milliseconds: pause, isNews: false))
        }

        @Test(arguments: ["EBADF", "EINVAL", "ENOTSOCK", "EFAULT", "no such name", ""])
        func `a broken listening socket is the end`(name: String) {
            var backOff = AcceptBackOff()
            expect(backOff.failed(name), .fail)
        }

        @Test func `a pause keeps within twenty accepts a second`() {
            #expect(1000 / AcceptBackOff.pauseMilliseconds <= 20)
        }
    }
}
