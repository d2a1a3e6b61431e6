import Bytes

/// The members of an object.
extension SchemaWalk {
  func object(_ node: Int, _ rule: Int, _ base: Int, _ trail: inout SchemaTrail) -> Bool {
    let part = rules[rule].properties
    var (key, next, seen): (Int, Int, UInt64) = (node + 1, Int(part.first), 0)
    for _ in 0..<json.childCount(node) {
      if let index = property(key, part, from: next) {
        next = index + 1
        let offset = index - Int(part.first)
        if offset < 64 { seen |= 1 << UInt64(truncatingIfNeeded: offset) }
        guard value(key + 1, Int(properties[index].rule), &trail) else {
          trail.fault?.isUnder(name: text(properties[index].name))
          return failed(node, rule, &trail)
        }
      } else if !isListed(key, base, trail.fitting), !additional(key, rule, base, &trail) {
        return failed(node, rule, &trail)
      }
      key = json.next(key + 1)
    }
    guard seen & rules[rule].requiredMask == rules[rule].requiredMask, hasGroup(node, rule, seen),
      !rules[rule].hasMoreRequired || hasRequired(node, rule, &trail), isCounted(node, rule)
    else { return failed(node, rule, &trail) }
    return true
  }

  /// What the object lacks, and how many members it has, is said before what is wrong with one of them.
  private func failed(_ node: Int, _ rule: Int, _ trail: inout SchemaTrail) -> Bool {
    let fault = trail.fault
    guard hasRequired(node, rule, &trail) else { return false }
    guard hasGroup(node, rule, nil) else { return trail.fail("lacks a property of which one must be there") }
    guard isCounted(node, rule) else { return trail.fail("has too few or too many properties") }
    trail.fault = fault
    return false
  }

  private func hasRequired(_ node: Int, _ rule: Int, _ trail: inout SchemaTrail) -> Bool {
    for index in rules[rule].required.indices {
      let name = compiled.plan.names[index]
      if key(name, of: node, from: node + 1) == nil { return trail.fail("lacks \(text(name))") }
    }
    return true
  }

  /// True when there are all properties of one of the groups of which one must be there.
  ///
  /// - Parameter seen: the first 64 properties that were met, one bit each; nil when that is not known.
  @inline(__always)
  private func hasGroup(_ node: Int, _ rule: Int, _ seen: UInt64?) -> Bool {
    let groups = rules[rule].anyRequired
    guard !groups.isEmpty else { return true }
    for index in groups.indices {
      let group = compiled.plan.groups[index]
      if group.mask != 0, let seen { if seen & group.mask == group.mask { return true } else { continue } }
      if hasAll(group.names, node) { return true }
    }
    return false
  }

  private func hasAll(_ names: SchemaPlan.Part, _ node: Int) -> Bool {
    for index in names.indices where key(compiled.plan.names[index], of: node, from: node + 1) == nil { return false }
    return true
  }

  /// A property that neither the schema nor a branch that fits lists.
  private func additional(_ key: Int, _ rule: Int, _ base: Int, _ trail: inout SchemaTrail) -> Bool {
    if case .refused = rules[rule].additional { return trail.fail("has a property that the API does not know") }
    guard !isVariant(key, rule), !isVariant(key, base, trail.fitting) else {
      return trail.fail("has a property that the API does not know")
    }
    guard case .each(let each) = rules[rule].additional else { return true }
    if value(key + 1, Int(each), &trail) { return true }
    // A name of the client's own is not repeated.
    trail.fault?.isUnder(name: "*")
    return false
  }

  /// True when a branch that fits the object lists the name.
  @inline(__always)
  private func isListed(_ key: Int, _ base: Int, _ branches: borrowing BranchStack) -> Bool {
    for place in base..<branches.count where property(key, rules[Int(branches[place])].properties) != nil { return true }
    return false
  }

  private func isVariant(_ key: Int, _ base: Int, _ branches: borrowing BranchStack) -> Bool {
    for place in base..<branches.count where isVariant(key, Int(branches[place])) { return true }
    return false
  }

  // MARK: Names

  func text(_ name: SchemaPlan.Name) -> String { names.slice(name.text).string() }

  /// The key of a member, searched for from a key on and all round.
  func key(_ name: SchemaPlan.Name, of object: Int, from start: Int) -> Int? {
    json.key(names.slice(name.text), name.fingerprint, of: object, from: start)
  }

  /// Which of some properties a key names.
  ///
  /// - Parameter start: where to begin. Most bodies keep to the order of their schema, so it is best behind the last one.
  @inline(__always)
  func property(_ key: Int, _ part: SchemaPlan.Part, from start: Int? = nil) -> Int? {
    let fingerprint = json.fingerprint(ofKey: key)
    var index = start ?? Int(part.first)
    for _ in 0..<part.count {
      if index == Int(part.first) + Int(part.count) { index = Int(part.first) }
      let name = properties[index].name
      if name.fingerprint == fingerprint, json.isText(key, names.slice(name.text)) { return index }
      index += 1
    }
    return nil
  }

  /// True when a name differs from one of a rule's properties in nothing but case: a reader that does not mind case would take the
  /// one for the other (A30).
  private func isVariant(_ key: Int, _ rule: Int) -> Bool {
    let folded = rules[rule].folded
    guard rules[rule].hasFoldedASCII, json.isPlain(key) else {
      return compiled.plan.foldedSets[rule].contains(String(decoding: json.unescaped(key), as: UTF8.self).lowercased())
    }
    let name = json.content(key)
    guard rules[rule].foldedLengths & SchemaPlan.Rule.bit(length: name.count) != 0 else { return false }
    for index in folded.indices {
      let place = compiled.plan.foldedNames[index]
      if place.count == name.count, name.equalsIgnoringASCIICase(names.slice(place)) { return true }
    }
    return false
  }
}
