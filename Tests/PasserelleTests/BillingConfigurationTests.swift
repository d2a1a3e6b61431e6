import Bytes
import Foundation
import Testing

@testable import Accounting
@testable import passerelle

@Suite struct BillingConfigurationTests {
  @Test func theExampleHasPlansThatAreReadAsTheySay() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let billing = try Configuration.load(file: root.appendingPathComponent("deploy/passerelle.example.json").path).billing
    let standard = try #require(billing.plans["standard"])
    #expect(standard.count == 2 && standard[0].fromHour == nil && standard[1].fromHour != nil)
    let tariff = try #require(standard[0].tariff(api: "device-identifier", operation: "retrieveIdentifier"))
    #expect(tariff.freePerMonth == 100 && tariff.steps.map(\.from) == [1, 10_001, 1_000_001])
    #expect(tariff.steps.map(\.price.description) == ["0.03", "0.02", "0.0125"] && tariff.charging == .success)
    #expect(billing.plans["trial"]?[0].rules[0].tariff.charging == .call)
    #expect(billing.assignments.values.map(\.count).sorted() == [1, 2])
  }
}
