/// The pages that a person sees: the question for consent, the subscriber's own pages, the simulated SIM cards of the demo, what went
/// wrong, and the demo's start page.
///
/// A page is a file in `Resources/` with named slots, its words are in a file per language beside it; Swift fills the slots and
/// writes no markup. What may be granted is decided in `Authorization`: a page shows an `Interaction` and hands over what was
/// clicked. There is no script anywhere.
///
/// Begin with `ConsentPage.swift`, then `Template.swift` (why nothing can be injected) and `BrowserGuard.swift` (why a form
/// from elsewhere is refused).
