import Bytes

/// What more holds for a value than its own rule says: the rules of its case, and those of `anyOf` and `oneOf` that fit.
extension SchemaWalk {
  /// Puts them on the trail.
  func fits(_ node: Int, _ rule: Int, _ base: Int, _ trail: inout SchemaTrail) -> Bool {
    if let match = matchingCase(node, rule) {
      trail.fitting.append(match)
      guard value(node, Int(match), branchesFrom: base, &trail) else { return false }
    }
    let (anyOf, oneOf) = (rules[rule].anyOf, rules[rule].oneOf)
    guard anyOf.isEmpty || count(of: anyOf, fitting: node, &trail) > 0 else { return false }
    guard !oneOf.isEmpty else { return true }
    switch count(of: oneOf, fitting: node, &trail) {
    case 0: return false
    case 1: return true
    default: return trail.fail("fits several of the shapes of which it must have one")
    }
  }

  /// The branches that fit a value that was found right.
  func branches(of rule: Int, fitting node: Int) -> BranchStack {
    var trail = SchemaTrail()
    if rules[rule].hasBranches { _ = fits(node, rule, 0, &trail) }
    return trail.fitting
  }

  /// The rules that hold for an object, by its value of the property that tells the cases apart.
  private func matchingCase(_ node: Int, _ rule: Int) -> UInt32? {
    guard let place = rules[rule].cases, json.kind(node) == .object else { return nil }
    let discriminator = compiled.plan.discriminators[Int(place)]
    guard let key = key(discriminator.property, of: node, from: node + 1), json.kind(key + 1) == .string else { return nil }
    for index in discriminator.cases.indices {
      let match = compiled.plan.cases[index]
      if json.isText(key + 1, names.slice(match.value)) { return match.rule }
    }
    return nil
  }

  /// How many fit. With none, the fault is that of the branch that went furthest, where there is one.
  private func count(of branches: SchemaPlan.Part, fitting node: Int, _ trail: inout SchemaTrail) -> Int {
    var (count, furthest): (Int, SchemaFault?) = (0, nil)
    for index in branches.indices {
      let (branch, base) = (compiled.plan.branches[index], trail.fitting.count)
      trail.fitting.append(branch)
      if value(node, Int(branch), branchesFrom: base, &trail) {
        count += 1
        continue
      }
      trail.fitting.removeAll(from: base)
      if let fault = trail.fault, fault.depth > furthest?.depth ?? 0 { furthest = fault }
    }
    guard count == 0 else { return count }
    trail.fault = furthest ?? SchemaFault("has none of the shapes of which it must have one")
    return 0
  }
}
