// swift-tools-version: 6.2

import PackageDescription

// Apart from the comparison, whose builds would otherwise take the benchmark library along.
let package = Package(
    name: "heddle-parts",
    dependencies: [
        .package(name: "heddle", path: "../.."),
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Parts",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Heddle", package: "heddle"),
            ],
            path: "Benchmarks/Parts",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ],
    swiftLanguageModes: [.v5]
)
