import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct AvailableCPUsTests {
        private static func quota(_ files: [String: String]) -> Double? {
            AvailableCPUs.cgroupQuota { files[$0] }
        }

        @Test func `there is at least one CPU and no more than the affinity allows`() {
            let count = AvailableCPUs.count
            #expect(count >= 1)
            #expect(count <= LinuxCalls.affinity().count)
        }

        @Test func `without cgroup files there is no quota`() {
            #expect(Self.quota([:]) == nil)
        }

        @Test func `version 2 tells quota and period in one file`() {
            #expect(
                Self.quota([
                    "/proc/self/cgroup": "0::/\n",
                    "/sys/fs/cgroup/cpu.max": "150000 100000\n",
                ]) == 1.5)
        }

        @Test func `max is no limit`() {
            #expect(
                Self.quota([
                    "/proc/self/cgroup": "0::/a\n",
                    "/sys/fs/cgroup/a/cpu.max": "max 100000\n",
                ]) == nil)
        }

        @Test func `of nested groups the tightest counts, wherever it stands`() {
            let path = "/proc/self/cgroup"
            let files = [
                path: "0::/pod/container\n",
                "/sys/fs/cgroup/pod/container/cpu.max": "400000 100000\n",
                "/sys/fs/cgroup/pod/cpu.max": "200000 100000\n",
                "/sys/fs/cgroup/cpu.max": "max 100000\n",
            ]
            #expect(Self.quota(files) == 2)
            var inner = files
            inner["/sys/fs/cgroup/pod/container/cpu.max"] = "50000 100000"
            #expect(Self.quota(inner) == 0.5)
        }

        @Test func `version 1 has two files under the cpu controller`() {
            #expect(
                Self.quota([
                    "/proc/self/cgroup":
                        "12:memory:/m\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
                    "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us": "250000\n",
                    "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us": "100000\n",
                ]) == 2.5)
        }

        @Test func `version 1 writes no limit as minus one`() {
            #expect(
                Self.quota([
                    "/proc/self/cgroup": "4:cpu:/\n",
                    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                    "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                ]) == nil)
        }

        @Test(arguments: [
            "", "garbage", "100000", "0 100000", "100000 0", "a b", "1 2 3", "-5 100",
        ])
        func `what cannot be read is no limit`(text: String) {
            #expect(
                Self.quota([
                    "/proc/self/cgroup": "0::/\nnonsense\n:::::\n",
                    "/sys/fs/cgroup/cpu.max": text,
                ]) == nil)
        }

        @Test func `a container that sees only its own root finds the limit there`() {
            #expect(
                Self.quota([
                    "/proc/self/cgroup": "0::/system.slice/docker-123.scope\n",
                    "/sys/fs/cgroup/cpu.max": "100000 100000\n",
                ]) == 1)
        }

        @Test func `a file that is not there has no contents`() {
            #expect(AvailableCPUs.contents(of: "/does/not/exist") == nil)
            #expect(AvailableCPUs.contents(of: "/proc/self/cgroup") != nil)
        }
    }
}
