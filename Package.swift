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
    ],
    targets: [
        .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .target(name: "Heddle", dependencies: ["CLibuv"], swiftSettings: strict),
        .executableTarget(name: "HeddleCommand", dependencies: ["Heddle"], swiftSettings: strict),
        .testTarget(name: "HeddleTests", dependencies: ["Heddle"], swiftSettings: rules),
    ]
)
