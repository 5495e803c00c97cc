// swift-tools-version: 6.2

import PackageDescription

/// The language rules of Heddle's own targets.
let rules: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

let heddle = Target.Dependency.product(name: "Heddle", package: "heddle")
let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let nio: [Target.Dependency] = ["NIOCore", "NIOPosix"].map {
    .product(name: $0, package: "swift-nio")
}

let package = Package(
    name: "heddle-benchmarks",
    dependencies: [
        .package(name: "heddle", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", exact: "0.27.1"),
    ],
    targets: [
        .executableTarget(
            name: "compare", dependencies: [arguments], path: "Sources/Compare",
            swiftSettings: rules),
        .executableTarget(
            name: "nio-peer", dependencies: nio, path: "Peers/SwiftNIO", swiftSettings: rules),
        .executableTarget(
            name: "heddle-peer",
            dependencies: [heddle, .product(name: "heddle", package: "heddle")],
            path: "Peers/Heddle", swiftSettings: rules),
        .executableTarget(
            name: "flyingfox-peer",
            dependencies: [.product(name: "FlyingSocks", package: "FlyingFox")],
            path: "Peers/FlyingFox", swiftSettings: rules),
        .executableTarget(
            name: "micro", dependencies: [heddle] + nio, path: "Peers/Micro",
            swiftSettings: rules),
    ]
)

// Where .ci/run builds, warnings are errors; not for people who build with a newer compiler.
if Context.environment["HEDDLE_WARNINGS_AS_ERRORS"] != nil {
    for target in package.targets {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
