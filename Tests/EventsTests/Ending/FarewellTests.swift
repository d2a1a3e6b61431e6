import Bytes
import Identifiers
import Policy
import Store
import Testing

@testable import Events

/// What sinks are told of an end, under the policies that are shipped.
@Suite struct FarewellTests {
  private static let geofencing = "createGeofencingSubscription"

  private func record(_ document: String?) -> SubscriptionRecord {
    SubscriptionRecord(
      id: "s1", kind: "k", backendID: "b-1", api: APIName(rawValue: "geofencing-subscriptions")!, version: "0.5.0",
      operation: OperationID(rawValue: Self.geofencing)!, client: World.client, subject: nil, isNamedByClient: true,
      grantedAt: nil,
      purpose: nil, scopes: [], types: [], sink: "https://sink.example/", credential: nil,
      document: document.map { Array($0.utf8) },
      createdAt: Timestamp(seconds: 0))
  }

  /// The data of the farewell of a subscription of which the backend said `document` when it made it.
  private func data(
    _ document: String?, operation: String = geofencing, cause: EndCause = .expired
  ) throws -> String {
    let operations = try TestPolicies.shipped.get().operationsByIndex
    let subscription = try #require(operations.first { $0.id.rawValue == operation }?.subscription)
    let policy = try #require(subscription.endedType.flatMap(subscription.event(type:)))
    #expect(policy.type.hasSuffix(".subscription-ended"))
    return String(
      decoding: Farewell(record(document), subscription.idName, "b-1", cause).data(policy), as: UTF8.self)
  }

  private static let area = #"{"areaType":"CIRCLE","center":{"latitude":50.735851,"longitude":7.10066},"radius":2000}"#
  private static let short = #"{"subscriptionId":"b-1","terminationReason":"SUBSCRIPTION_EXPIRED"}"#

  @Test func theAreaIsRepeatedAndTheDeviceIsNot() throws {
    let document = """
      {"id":"b-1","sink":"https://sink.example/","config":{"subscriptionDetail":{
        "device":{"phoneNumber":"+33612345678"},"area":\(Self.area),"other":"of the backend"},"subscriptionMaxEvents":3}}
      """
    let written = try data(document)
    let root = try JSONDocument(Array(written.utf8)).root
    #expect(Set(root.keys.map(\.name)) == ["subscriptionId", "terminationReason", "area"])
    #expect(root["area"]?["center"]?["latitude"]?.double == 50.735851 && root["area"]?["radius"]?.integer == 2000)
    #expect(root["subscriptionId"]?.string == "b-1" && root["terminationReason"]?.string == "SUBSCRIPTION_EXPIRED")
    #expect(!written.contains("336") && !written.contains("backend"))
  }

  @Test func ofTheAreaOnlyWhatThePolicyHas() throws {
    let area = #"{"areaType":"CIRCLE","center":{"latitude":1,"longitude":2,"owner":"+33612345678"},"radius":3,"cells":[1,2]}"#
    let written = try data(#"{"config":{"subscriptionDetail":{"area":\#(area)}}}"#)
    #expect(!written.contains("owner") && !written.contains("cells"))
    let root = try JSONDocument(Array(written.utf8)).root
    #expect(root["area"]?["center"]?.keys.map(\.name) == ["latitude", "longitude"])
  }

  @Test(arguments: [
    nil, "{}", "[]", "not JSON", #"{"config":1}"#, #"{"config":{"subscriptionDetail":[]}}"#,
    #"{"config":{"subscriptionDetail":{"area":"the moon"}}}"#, #"{"config":{"subscriptionDetail":{"area":{}}}}"#,
    #"{"config":{"subscriptionDetail":{"device":{"phoneNumber":"+33612345678"}}}}"#,
  ])
  func withoutAnAreaTheWordIsShort(_ document: String?) throws {
    #expect(try data(document) == Self.short)
  }

  /// The backend's document says neither which subscription has ended nor why.
  @Test func whatTheGatewaySaysIsNotWrittenOver() throws {
    let document = """
      {"config":{"subscriptionDetail":{"area":\(Self.area),"subscriptionId":"b-2","terminationReason":"X",
        "terminationDescription":"Y"}}}
      """
    let written = try data(document, cause: .byOperator(description: nil))
    let root = try JSONDocument(Array(written.utf8)).root
    #expect(root["subscriptionId"]?.string == "b-1" && root["terminationReason"]?.string == "NETWORK_TERMINATED")
    #expect(root["terminationDescription"] == nil && root["area"] != nil)
  }

  @Test func aDescriptionIsEscaped() throws {
    let written = try data(nil, cause: .byOperator(description: #"A "word" \ é"#))
    #expect(try JSONDocument(Array(written.utf8)).root["terminationDescription"]?.string == #"A "word" \ é"#)
  }

  @Test func anAPIWithoutDetailsRepeatsNone() throws {
    let document = #"{"config":{"subscriptionDetail":{"phoneNumber":"+33612345678"}}}"#
    #expect(try data(document, operation: "createSimSwapSubscription") == Self.short)
  }

  /// All that are shipped: a farewell is what the API's own policy lets pass.
  @Test func everyAPIHasItsFarewell() throws {
    for operation in try TestPolicies.shipped.get().operationsByIndex {
      guard let subscription = operation.subscription, let type = subscription.endedType else { continue }
      let policy = try #require(subscription.event(type: type))
      #expect(policy.isEnding && policy.lifecycle == .ended)
      let data = Farewell(record(nil), subscription.idName, "b-1", .expired).data(policy)
      var tape = JSONTape()
      try tape.parse(data.span)
      let id = tape.value(at: subscription.idName, in: data.span)
      #expect(id.map { tape.stringEquals($0, Array("b-1".utf8), in: data.span) } == true, "\(type)")
    }
  }
}
