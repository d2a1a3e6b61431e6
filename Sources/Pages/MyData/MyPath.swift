/// The paths of the subscriber's own pages.
enum MyPath: String, CaseIterable {
  case page = "/my"
  case download = "/my/data.json"
  case signIn = "/my/sign-in"
  case signOut = "/my/sign-out"
  case withdraw = "/my/withdraw"
  case withdrawAll = "/my/withdraw-all"
  case object = "/my/object"
  case agree = "/my/agree"

  var methods: String {
    switch self {
    case .page, .download: "GET"
    case .signIn, .signOut: "POST"
    case .withdraw, .withdrawAll, .object, .agree: "GET, POST"
    }
  }
}
