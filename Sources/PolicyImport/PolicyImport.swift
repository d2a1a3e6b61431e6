// Makes the policy of an API from its OpenAPI 3.0 document, for a person to review.
//
// Source reads the document and its neighbours (JSON; YAML where the trait of that name is on) into one tree that knows its lines.
// Schema flattens OpenAPI's schemas. Draft proposes the policy: what is a fact of the document as it stands, what is a guess marked
// with `review`. Text writes and reads policy files without losing the comments of the person who edited them. Merge brings a new draft
// into an edited file. Begin with PolicyImporter.
