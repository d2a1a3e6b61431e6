/// What clients owe: plans, rating, statements, usage records.
///
/// The ledger is counted into usage (`Ledger/Usage`), usage is rated here, at the moment somebody reads it, and nothing of the result is
/// kept: after a correction of a plan every statement is what it would have been. To leave past months as they were billed, a plan is
/// never edited; it gets another version with a day from which it holds.
///
/// Begin with `Plan.swift` (what a plan says) and `Rating.swift` (how calls become amounts); then `AccountBook.swift`, where usage and plans
/// meet, and `MonthlyStatement.swift`.
