use abide_model::IdentifierKind::{Email, Maid, Phone, UserId};

use super::*;

#[track_caller]
fn check(text: &str, column: &str, role: IdRole) {
    let arg: IdArg = text.parse().unwrap();
    assert_eq!(arg, IdArg { column: column.parse().unwrap(), role }, "{text}");
}

#[test]
fn arguments() {
    check("mail=email", "mail", IdRole::raw(Email));
    check("#3=user_id", "#3", IdRole::raw(UserId));
    check("tel=phone", "tel", IdRole::raw(Phone));
    check("h=email:md5", "h", IdRole::hashed(Email, None, Form::Md5));
    check("h=email:uid2", "h", IdRole::hashed(Email, Some(Profile::Uid2), Form::Sha256));
    check("Hash=phone:drop", "Hash", IdRole::hashed(Phone, Some(Profile::Drop), Form::Last10Sha256));
    check("Hash=maid:drop", "Hash", IdRole::hashed(Maid, Some(Profile::Drop), Form::Sha256));
    check("Hash=phone:last10.sha256", "Hash", IdRole::hashed(Phone, None, Form::Last10Sha256));
    check("a=b=email", "a=b", IdRole::raw(Email));
    check("user.email=email", "user.email", IdRole::raw(Email));
}

#[test]
fn arguments_that_are_none() {
    for (text, error) in [
        ("mail", InvalidIdArg::Shape),
        ("=email", InvalidIdArg::Shape),
        ("#0=email", InvalidIdArg::Shape),
        ("mail=mail", InvalidIdArg::Kind("mail".to_owned())),
        ("mail=email:crc32", InvalidIdArg::How("crc32".to_owned())),
        ("h=email:last10.sha256", InvalidIdArg::PhonesOnly),
    ] {
        assert_eq!(text.parse::<IdArg>(), Err(error), "{text}");
    }
}

/// What is shown can be typed.
#[test]
fn roles_are_shown_as_they_are_said() {
    for text in ["email", "email:md5", "email:uid2", "phone:drop", "phone:last10.sha256"] {
        assert_eq!(text.parse::<IdRole>().unwrap().to_string(), text);
    }
}

#[test]
fn columns_are_found_by_name_and_number() {
    let header = Some(&["Email", "email", "Phone", "Notes", "notes "][..]);
    let find = |text: &str, header| text.parse::<ColumnRef>().unwrap().find(header, 5);
    assert_eq!(find("email", header), Ok(1));
    assert_eq!(find("#3", header), Ok(2));
    assert_eq!(find("PHONE", header), Ok(2));
    assert_eq!(find("notes", header), Ok(4));
    assert!(matches!(find("EMAIL", header), Err(NoSuchColumn::Twice { first: 1, second: 2, .. })));
    assert!(matches!(find("#6", header), Err(NoSuchColumn::BeyondLast { number: 6, width: 5 })));
    assert!(matches!(find("email", None), Err(NoSuchColumn::NoHeader { .. })));
    assert_eq!(
        find("fax", header).unwrap_err().to_string(),
        "there is no column `fax`; there are `Email`, `email`, `Phone`, `Notes`, `notes`"
    );
}

/// Brevo writes numbers without their `+`; what is not digits only is left as it is.
#[test]
fn a_prefix_is_put_before_digits_only() {
    let role = IdRole { prefix: "+", ..IdRole::raw(Phone) };
    assert_eq!(role.spelled(" 33611111111"), "+33611111111");
    assert_eq!(role.spelled("+33611111111"), "+33611111111");
    assert_eq!(role.spelled(""), "");
}
