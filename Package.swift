// swift-tools-version: 6.2
import PackageDescription

/// `Lifetimes` lets a type lend a `Span` of its own storage, checked by the compiler: the data plane reads bytes
/// without copying them and without an unsafe pointer outside `Bytes`, `Wire`, `JOSE` and `Store`.
///
/// Exclusive access is checked at run time in debug builds, in which all tests run. In release the checks would be a fifth of the
/// instructions of a call; what the compiler proves stays proved there.
let settings: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"), .swiftLanguageMode(.v6),
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// A library target of Passerelle. Dependencies point only to targets that stand above it in this file.
func library(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

/// `make fuzz` sets it. The tests of `Tests/FuzzTests` are then a program of libFuzzer's instead; and the command is a library of it, for
/// nothing but tests can otherwise look into a program.
let isFuzzing = Context.environment["PASSERELLE_FUZZ"] != nil

let fuzzTestsDependencies: [Target.Dependency] = [
  "ReferenceReaders", "passerelle", "Events", "Gateway", "Authorization", "Policy", "Wire", "JOSE", "Identifiers", "Bytes",
]
let fuzzTargets: [Target] =
  isFuzzing
  ? [
    .target(name: "CLibFuzzer", path: "Tests/CLibFuzzer"),
    .executableTarget(
      name: "fuzz", dependencies: fuzzTestsDependencies + ["CLibFuzzer"], path: "Tests/FuzzTests", exclude: ["ReplayTests.swift"],
      swiftSettings: settings + [.define("FUZZ")]),
  ] : [tests("FuzzTests", fuzzTestsDependencies)]

let commandDependencies: [Target.Dependency] = [
  "Bytes", "Identifiers", "Telemetry", "JOSE", "Wire", "Store", "Accounting", "Policy", "Consent", "Ledger", "ConsentMaster",
  "Events", "Authorization", "Gateway", "Pages", "Administration", "ConsentInfo", "Simulator", "PolicyImport", "CLinux",
]
/// The program `passerelle`.
let command: Target =
  isFuzzing
  ? .target(name: "passerelle", dependencies: commandDependencies, exclude: ["Main.swift"], swiftSettings: settings)
  : .executableTarget(name: "passerelle", dependencies: commandDependencies, swiftSettings: settings)

let package = Package(
  name: "passerelle",
  products: isFuzzing ? [] : [.executable(name: "passerelle", targets: ["passerelle"])],
  traits: [.trait(name: "YAML", description: "Reads OpenAPI documents in YAML, through libyaml (libyaml-dev)")],
  targets: [
    .systemLibrary(name: "COpenSSLSystem", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "COpenSSL", dependencies: ["COpenSSLSystem"]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CLinux"),

    library("Bytes", []),
    library("Identifiers", ["Bytes"]),
    library("Telemetry", ["Bytes"]),
    library("JOSE", ["Bytes", "COpenSSL", "COpenSSLSystem"]),
    library("Wire", ["Bytes", "CLinux", "COpenSSL", "COpenSSLSystem"]),
    library("Store", ["Bytes", "Identifiers", "JOSE", "CSQLite"]),
    library("Accounting", ["Bytes", "Identifiers", "JOSE", "Store"]),
    library("Policy", ["Bytes", "Identifiers"]),
    library("PolicyImport", ["Bytes", "Policy", .target(name: "CYAML", condition: .when(traits: ["YAML"]))]),
    library("Consent", ["Bytes", "Identifiers", "Telemetry", "JOSE", "Store", "Policy"]),
    library("Ledger", ["Bytes", "Identifiers", "Telemetry", "JOSE", "Store", "CLinux"]),
    library("Events", ["Bytes", "Identifiers", "Telemetry", "JOSE", "Wire", "Store", "Policy", "Consent", "Ledger"]),
    library("ConsentMaster", ["Bytes", "Identifiers", "JOSE", "Wire", "Store", "Consent", "Ledger"]),
    library("Authorization", ["Bytes", "Identifiers", "Telemetry", "JOSE", "Wire", "Store", "Policy", "Consent", "Ledger"]),
    library("Gateway", ["Bytes", "Identifiers", "Telemetry", "JOSE", "Wire", "Store", "Policy", "Consent", "Ledger"]),
    library(
      "Pages", ["Bytes", "Identifiers", "JOSE", "Wire", "Store", "Policy", "Consent", "Authorization"],
      resources: [.embedInCode("Resources")]),
    library(
      "Administration",
      [
        "Bytes", "Identifiers", "Telemetry", "JOSE", "Wire", "Store", "Accounting", "Policy", "Consent", "Ledger",
        "Authorization",
        "Pages",
      ], resources: [.embedInCode("Resources")]),
    library("ConsentInfo", ["Bytes", "Identifiers", "Store", "Policy", "Consent", "Authorization", "Gateway"]),
    library("Simulator", ["Bytes", "Identifiers", "JOSE", "Wire"], resources: [.embedInCode("Resources")]),
    command,
    .executableTarget(
      name: "measure-parsers", dependencies: ["Bytes", "Policy", "Wire"], path: "Benchmarks/Parsers", swiftSettings: settings),
    .executableTarget(
      name: "make-ledger", dependencies: ["Bytes", "Ledger"], path: "Benchmarks/Ledger", swiftSettings: settings),

    .target(name: "ReferenceReaders", dependencies: ["Bytes"], path: "Tests/ReferenceReaders", swiftSettings: settings),
    tests("BytesTests", ["Bytes", "ReferenceReaders"]),
    tests("IdentifiersTests", ["Identifiers"]),
    tests("TelemetryTests", ["Telemetry", "Bytes"]),
    tests("JOSETests", ["JOSE", "Bytes"]),
    tests("WireTests", ["Wire", "Bytes", "COpenSSL", "COpenSSLSystem"]),
    tests("StoreTests", ["Store", "JOSE", "Identifiers", "Bytes", "CSQLite"]),
    tests("AccountingTests", ["Accounting", "Store", "Identifiers", "Bytes"]),
    tests("PolicyTests", ["Policy", "Identifiers", "Bytes"]),
    tests("PolicyImportTests", ["PolicyImport", "Policy", "Bytes"]),
    tests("ConsentTests", ["Consent", "Policy", "Store", "JOSE", "Identifiers", "Bytes"]),
    tests("LedgerTests", ["Ledger", "Store", "JOSE", "Identifiers", "Bytes"]),
    tests(
      "EventsTests",
      ["Events", "Telemetry", "Ledger", "Consent", "Policy", "Store", "Wire", "JOSE", "Identifiers", "Bytes", "ReferenceReaders"]),
    tests(
      "ConsentMasterTests", ["ConsentMaster", "Ledger", "Consent", "Policy", "Store", "Wire", "JOSE", "Identifiers", "Bytes"]),
    tests(
      "AuthorizationTests",
      ["Authorization", "JOSE", "Store", "Consent", "Policy", "Ledger", "Wire", "Identifiers", "Bytes"]),
    tests(
      "GatewayTests", ["Gateway", "Telemetry", "Ledger", "Consent", "Policy", "Store", "Wire", "JOSE", "Identifiers", "Bytes"]),
    tests(
      "PagesTests",
      ["Pages", "Authorization", "Consent", "Policy", "Ledger", "Store", "Wire", "JOSE", "Identifiers", "Bytes"]),
    tests(
      "AdministrationTests",
      [
        "Administration", "Accounting", "Pages", "Authorization", "Consent", "Policy", "Ledger", "Store", "Wire", "JOSE",
        "Identifiers",
        "Bytes",
      ]),
    tests("SimulatorTests", ["Simulator", "Identifiers", "Wire", "Bytes"]),
    tests("PasserelleTests", ["passerelle", "Accounting", "Gateway", "Ledger", "Wire", "JOSE", "Bytes"]),
  ] + fuzzTargets
)
