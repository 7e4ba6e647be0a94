// swift-tools-version: 6.2

import PackageDescription

/// Every Swift target, tests included, is built with these.
let checked: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Outside of tests each unsafe use is marked where it stands, and hack/verify-unsafe counts them.
let strict = checked + [.strictMemorySafety()]

let ourC: [CSetting] = [
    .define("_GNU_SOURCE"),
    .enableWarning("all"),
    .enableWarning("extra"),
    .enableWarning("strict-prototypes"),
    .treatAllWarnings(as: .error),
]

let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func target(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.target(name: name)] + dependencies, swiftSettings: checked)
}

// What each target may import is held by hack/verify-imports; the table is in ARCHITECTURE.md.
let package = Package(
    name: "moorage",
    products: [
        .executable(name: "moorage", targets: ["moorage"]),
        .executable(name: "moorage-mount", targets: ["moorage-mount"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .target(
            name: "CGRPCShims", cSettings: ourC,
            linkerSettings: [
                .linkedLibrary("grpc_unsecure"), .linkedLibrary("gpr"), .linkedLibrary("absl_synchronization"),
            ]),
        .target(name: "CCSIProto", linkerSettings: [.linkedLibrary("protobuf-c")]),
        .target(name: "CLinuxShims", cSettings: ourC),

        target("JSONText"),
        target("StorageModel"),
        target("LinuxSystem", ["CLinuxShims", systemPackage]),
        target("BlockingWork", ["LinuxSystem"]),
        target("TreeCopy", ["LinuxSystem", "BlockingWork", systemPackage]),
        target("NetworkShares", ["StorageModel", "LinuxSystem", "BlockingWork", systemPackage]),
        target(
            "PoolStore", ["StorageModel", "JSONText", "LinuxSystem", "BlockingWork", "NetworkShares", systemPackage]),
        target(
            "MountTracking",
            ["StorageModel", "JSONText", "LinuxSystem", "BlockingWork", "NetworkShares", systemPackage]),
        target(
            "HostPathBackend",
            ["StorageModel", "PoolStore", "TreeCopy", "LinuxSystem", "BlockingWork", systemPackage]),
        target(
            "NFSBackend",
            [
                "StorageModel", "JSONText", "LinuxSystem", "NetworkShares", "PoolStore", "TreeCopy", systemPackage,
            ]),
        target("CSIServices", ["StorageModel"]),
        target("CSIWire", ["CCSIProto", "StorageModel", "JSONText"]),
        target("GRPCServing", ["CGRPCShims"]),
        target("CSIEndpoint", ["CSIServices", "CSIWire", "GRPCServing", "StorageModel", "JSONText", logging]),
        target(
            "CommandLineTools",
            ["CSIWire", "GRPCServing", "StorageModel", "JSONText", "LinuxSystem", "NetworkShares", systemPackage]),
        .executableTarget(
            name: "moorage",
            dependencies: [
                "StorageModel", "LinuxSystem", "BlockingWork", "NetworkShares", "MountTracking", "HostPathBackend",
                "NFSBackend", "CSIServices",
                "CSIEndpoint", "CSIWire", "GRPCServing", "CommandLineTools", argumentParser, logging, systemPackage,
            ],
            swiftSettings: strict),

        // Started for each network mount; from the driver it has only the form of their messages.
        .executableTarget(name: "moorage-mount", dependencies: ["CLinuxShims"], cSettings: ourC),

        // Measures running drivers: the client of hack/bench.
        .executableTarget(
            name: "Bench",
            dependencies: ["CSIWire", "JSONText", "LinuxSystem", argumentParser],
            path: "Tests/Bench",
            swiftSettings: strict),

        tests(of: "JSONText"),
        tests(of: "StorageModel"),
        tests(of: "LinuxSystem", ["CLinuxShims", systemPackage]),
        tests(of: "BlockingWork", ["LinuxSystem"]),
        tests(of: "TreeCopy", ["LinuxSystem", "BlockingWork", systemPackage]),
        tests(of: "NetworkShares", ["StorageModel", "LinuxSystem", systemPackage]),
        tests(of: "PoolStore", ["StorageModel", "JSONText", "LinuxSystem", "BlockingWork", systemPackage]),
        tests(of: "MountTracking", ["StorageModel", "LinuxSystem"]),
        tests(of: "HostPathBackend", ["StorageModel", "PoolStore", "LinuxSystem", "BlockingWork", systemPackage]),
        tests(of: "NFSBackend", ["StorageModel", "PoolStore"]),
        tests(of: "CSIServices", ["StorageModel"]),
        tests(of: "CSIWire", ["StorageModel", "JSONText"]),
        tests(of: "GRPCServing"),
        tests(of: "CSIEndpoint", ["BlockingWork", "CSIServices", "CSIWire", "GRPCServing", "StorageModel", logging]),
        tests(of: "CommandLineTools", ["CSIWire", "JSONText", "LinuxSystem", "StorageModel"]),

        // Need real mounts: run only inside a private mount namespace (hack/test).
        .testTarget(
            name: "KernelTests",
            dependencies: [
                "StorageModel", "LinuxSystem", "BlockingWork", "NetworkShares", "MountTracking", "TreeCopy",
                "HostPathBackend", systemPackage,
            ],
            swiftSettings: checked),
        // Drive the built executable through its socket, as an orchestrator does.
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["moorage", "CSIWire", "JSONText", "GRPCServing", "LinuxSystem", systemPackage],
            exclude: ["Resources"],
            swiftSettings: checked),
    ],
    cLanguageStandard: .gnu17
)
