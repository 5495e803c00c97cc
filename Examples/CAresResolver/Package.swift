// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that Heddle needs neither c-ares (libc-ares-dev) nor anything else for it.
let package = Package(
    name: "c-ares-resolver",
    dependencies: [.package(name: "heddle", path: "../..")],
    targets: [
        .systemLibrary(name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .executableTarget(
            name: "Resolve",
            dependencies: ["CCares", .product(name: "Heddle", package: "heddle")],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ]),
    ]
)
