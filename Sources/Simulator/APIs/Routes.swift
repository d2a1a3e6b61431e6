/// The table of all APIs that the simulated operator answers.
enum Routes {
  static let all: [SimulatedAPI] =
    DeviceIdentifier.apis + DeviceStatus.apis + Location.apis + Population.apis + [NumberVerification.api] + Swaps.apis
    + Customer.apis + [OneTimePassword.api] + Quality.apis + [CarrierBilling.api, CarrierBillingRefund.api, EdgeDiscovery.api]
    + WebRTC.apis + Subscriptions.apis
}
