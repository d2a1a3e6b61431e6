/// Where no signed object can stand in their place, the parameters that count are those that were sent.
enum PlainParameters {
  static func examine(_ examination: Examination) -> FormParameters { examination.parameters }
}
