/// Keys and tokens that others made, to compare with: from the RFCs where they have some, else made once with OpenSSL's command.
enum Examples {
  /// RFC 7515 appendix A.2.
  static let rsaModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    + "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2Ca"
    + "pHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb5"
    + "4h4FRWyuXpoQ"
  static let rsa = #"{"kty":"RSA","n":"\#(rsaModulus)","e":"AQAB"}"#
  /// RFC 7515 appendix A.3.
  static let ec =
    #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
  /// RFC 8037 appendix A.2.
  static let ed25519 = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
  /// RFC 7638 §3.1.
  static let thumbprintModulus =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
    + "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu"
    + "6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a"
    + "wapJzKnqDKgw"

  /// RFC 7520 §3.3 and §4.1.
  static let cookbookModulus =
    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwG"
    + "U_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3u"
    + "hGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHd"
    + "rNP5zw"
  static let cookbook = #"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"\#(cookbookModulus)","e":"AQAB"}"#
  static let cookbookToken =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9."
    + "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5k"
    + "IGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
    + ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBw"
    + "A78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePP"
    + "QdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y1"
    + "8kDquDg"
  static let cookbookPayload =
    "It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, "
    + "there’s no knowing where you might be swept off to."

  static let pssModulus =
    "ySpivhMZmFiJHjc5npnj6ZVEZ1TcqQ_3xs_XUGHBJu-nq2XdMWT8oKCbonZXK6MB-NW1QiHwWoe9B_nMchsf-40bxTSH70eBTnUu4zbaB3hVuY"
    + "tHwKfqkr7rrF7kl9mIzJPl_WFwwpLXWTu5QyWYeQR8xQ9mU4wI9u1zSbhP_ee8HSI2jmuib5Gfyc_k95gyFLxI0fTmh5AG2W3M4hoMR3XfmM-C"
    + "yOyQkm1YuEUqWR23nX2rOndHpO6pIYqwXmX0aFaPJhcijgUUVKIGObVyhkmaPcz2_Gm8AVujBxW2ShzQ_XWbHMBi1u1_eU19c-5WQzrmlMhzei"
    + "jqzs2ySwhUVw"
  static let pss = #"{"kty":"RSA","alg":"PS256","n":"\#(pssModulus)","e":"AQAB"}"#
  static let ec384 =
    #"{"kty":"EC","crv":"P-384","x":"8f_rhRPdgS8qF9_kRXWGGMKV0Za6wWwkhS6NOlnmGfd2bbINUxwHxTugkE3z78BZ","#
    + #""y":"jryXQ4Etnkpoo-QL226r0FqTbOxvFmEzOiZKuRUuq5L_wCA0qdUSH-4XtN3T1Fyz"}"#

  /// The payload of RFC 7515's examples.
  static let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
}

/// Private keys that nobody uses.
enum ExamplePEM {
  /// SEC 1, P-256.
  static let sec1 = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIJyHh3RHChoW+5YldSjeaHxL14z+Qp1F2TkVGqVLNfYSoAoGCCqGSM49
    AwEHoUQDQgAEHXBHNPEZbLCrWqk729UCFlJPASdueJjgTahNZUBtVisTNXjkRbGD
    KrEHHHHUWdXvJ/dh4f2VRakRCTN8Ayy9OA==
    -----END EC PRIVATE KEY-----
    """
  /// The same, sealed with a passphrase.
  static let encrypted = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhlu4iURvN0SQICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMknjXhPfrJro1ZYensvKIgEgZAS
    qP7j7vFw8UXsJ4QnbKb9XnvJGV6gs/5JaoOxn6gsBsJXM2GhlYPedxlz+HRm2nkd
    OPtZWIl+QP99hQcNwo6FHB4bShQx4SVqOADoDpQXWVkLNFUa1mmvw2sVCqeh3vG3
    5MvyCTCB6nnQqt6OJ9ys7y2y9rGurWDbb8fmEe7/iqWHiOtgtR+quxPsZnJHBGU=
    -----END ENCRYPTED PRIVATE KEY-----
    """
  static let secp256k1 = """
    -----BEGIN PRIVATE KEY-----
    MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgyqNUuJnqOuTzTckC7lH0
    hKneh+8pTLSA4EQbXBAGQquhRANCAATnkKapMX1Rr3MYoD5Fj4xAgTc1XznXbnhg
    QlGGEBAQgsZo0wW+D7ZgeiY5QBfnHLrp2zPXgyOD0oTObWn8mGMP
    -----END PRIVATE KEY-----
    """
  static let brainpool = """
    -----BEGIN PRIVATE KEY-----
    MIGIAgEAMBQGByqGSM49AgEGCSskAwMCCAEBBwRtMGsCAQEEIAT5SdVCgwraQupA
    3BVFj2A/7wxk/UAUc0oMX8Njsc22oUQDQgAEod5pAfSvyJQe4zjG7X4pl1qecdGE
    hQiNrpm+K6E8RuY3h0ZxwVvJxPQQ7RJsbvKCYNRskGW05xCXcmp7AQcj7A==
    -----END PRIVATE KEY-----
    """
  static let p521 = """
    -----BEGIN PRIVATE KEY-----
    MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBYUhsNOhtVj/JYZHN
    s8jHFtoJUDzFu8TMmiNg0qYKoHoeHZkL2K649P+ch+RFxwmcZUW/ZXvPUy+w0nBC
    H0+rofKhgYkDgYYABAGypF53AD+ftk66eqQtkfO6Kd0qpW2f3tljjaDJIjA/0zc4
    RYS9VWIHbIpYaa4Xh0cCfvJz+Lim7TCJfcLjbG0cowBjNRN8LTMRzk3luTU3/FEH
    2qE7IoTO/ey+CGaWpUJICCXF9rUltNkfI5rVWnvbEhfkpjmT4IiH03ZvLGrIkxla
    vw==
    -----END PRIVATE KEY-----
    """
  static let rsa1024 = """
    -----BEGIN PRIVATE KEY-----
    MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAKSDMkq6b/hYVP9L
    Eg1vihg5YXfsCGikG7ki8XRFjR3ut3XUSu92ww6MOWtRFkSYQVSvNSjCz1beA/cu
    KLFfjJHBsEkzfXTNPNELHAC5tI5+t2fR7prsiCbj9UNWjdjRbp9X8Ryu1lvn+IWa
    XCBz1ebd8f0BT0uEPcrtLsGXGW4xAgMBAAECgYEAj5J8EqGQ1JDqZP60G4urXia9
    vHX+hKwsEa/AP3Pvix7pd2i1mTTxWEHiXpkesPCbm3dpElCpuKr7lP3wv5OezbN7
    R+UkJo0Mma6M4OBC2Gfmqc/njoc9JoSxuwCaulIEF/BVuze2Wc9rbGI7dYpwNEdv
    mZqVCzt1wCIkoJ1xtH0CQQDTXYnUt5EiG//Sr5hP85LqqT8RW+Q2xMZJaGP9IXOk
    Ec3Poxh2jRnKFEC1SOlwnBRhacAMb6emNTSxrGaCl/zjAkEAx0DHjyqZS7bkNga+
    llgaxIUs0XxmOr+h0YkpzNl7ij6zQ652BujoSUH9v0kdaSujqTmIjvQ/gGkwGNXZ
    wK8I2wJAYtS2AhTjdAOLl0QsABZwd/EzYDaLe2B/Jwv81PuzSuBYT+J/Kc/IY0kd
    CKdTICibDwGXnzkGNx1hykJGnIHc6QJBALeIFcjrhhRVvFN/VuII+W729FdpbIjE
    pvroitYjpUWrh1faROEMe5mu7VnasPqEtdVUJ1L16+AOA718jXyMPW0CQQCs8ZYr
    vUvjLKmC7gNtr8JNzirRkvMzn17+YaIQB2l/b1QfUptxeZebtKjvrJE7XCfnu6WJ
    Dysc5z4GLwUEjfTQ
    -----END PRIVATE KEY-----
    """
  static let x25519 = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VuBCIEICgVpD8B/gG0qKE/WQTqB8NfsQ8fBUwFFIX7X65VDKJv
    -----END PRIVATE KEY-----
    """
  static let ed448 = """
    -----BEGIN PRIVATE KEY-----
    MEcCAQAwBQYDK2VxBDsEOU3bZhmoZf99jeRBwrvB6YnBNHdTMsW1XW0zV4gJ3rVw
    DSAUsZp1Jx8AJxXND7Wn+5FaB2Vsz/1rAw==
    -----END PRIVATE KEY-----
    """
}
