import Authorization
import Gateway
import Pages
import Wire

/// The public listener's handler: hands each exchange to who serves its path. APIs first, for they are the many.
final class FrontDoor: RequestHandler {
  private let gateway: GatewayHandler
  private let authorization: AuthorizationServer
  private let pages: Pages.Site

  init(gateway: GatewayHandler, authorization: AuthorizationServer, pages: Pages.Site) {
    self.gateway = gateway
    self.authorization = authorization
    self.pages = pages
  }

  func bodyBytesMaximum(_ exchange: Exchange) -> Int? {
    gateway.bodyBytesMaximum(exchange)
  }

  func handle(_ exchange: Exchange) {
    guard !gateway.owns(exchange) else { gateway.handle(exchange); return }
    let path = exchange.path.string()
    if authorization.handles(path: path) {
      exchange.answer { [authorization] in await authorization.respond(to: $0) }
    } else if pages.handles(path: path) {
      exchange.answer { [pages] in await pages.respond(to: $0) }
    } else {
      gateway.handle(exchange)
    }
  }

  func shed(_ exchange: Exchange) {
    guard !gateway.owns(exchange), authorization.handles(path: exchange.path.string()) else { gateway.shed(exchange); return }
    exchange.send(AuthorizationServer.overloaded)
  }

  func reject(_ exchange: Exchange, _ rejection: HTTPRejection) { gateway.reject(exchange, rejection) }
}
