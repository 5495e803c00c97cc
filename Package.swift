// swift-tools-version: 6.2

import PackageDescription

/// The language rules of every Swift target, tests included.
let rules: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

/// What is not a test also marks every unsafe expression.
let strict = rules + [.strictMemorySafety()]

let package = Package(
    name: "heddle",
    products: [
        .library(name: "Heddle", targets: ["Heddle"]),
        .executable(name: "heddle", targets: ["HeddleCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .target(name: "CHeddle"),
        .target(
            name: "Heddle",
            dependencies: [
                "CLibuv", "CHeddle", .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "HeddleCommand",
            dependencies: [
                "Heddle",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: strict
        ),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: rules),
        .testTarget(
            name: "HeddleTests",
            dependencies: [
                "Heddle", "TestSupport", .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: rules),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: rules),
    ]
)

/// A program to copy from: a folder of Sources/Samples, which uses Heddle, and its paths, alone.
func sample(_ name: String) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["Heddle", .product(name: "SystemPackage", package: "swift-system")],
        path: "Sources/Samples/\(name)", swiftSettings: rules)
}

let samples = [
    "TCPEcho", "TCPEchoHandler", "ChatRoom", "TimeServer", "Client", "BackgroundWorker",
    "BlockingWork", "WordCount", "UDPEcho",
    "GracefulEcho", "Supervise",
    "LineCount",
    "FolderWatch", "StaticFiles", "Lookup", "UnixEcho", "LogSink", "Filter", "Keys",
]

package.targets += samples.map(sample)
package.targets += [
    .testTarget(
        name: "IntegrationTests",
        dependencies: [
            "Heddle", "HeddleCommand", "TestSupport",
            .product(name: "SystemPackage", package: "swift-system"),
        ]
            + samples.map { .target(name: $0) },
        swiftSettings: rules)
]

// Where .ci/run builds, warnings are errors; not for people who build with a newer compiler.
if Context.environment["HEDDLE_WARNINGS_AS_ERRORS"] != nil {
    for target in package.targets where target.type != .system {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
