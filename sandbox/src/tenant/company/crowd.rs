//! Everybody else: names by the dozen, spread over the departments.

use super::cast::Plan;

/// First names of the crowd.
pub(super) const GIVEN: &[&str] = &[
    "Aaron", "Abigail", "Adele", "Aisha", "Albert", "Alina", "Amir", "Andrea", "Anton", "Beatriz",
    "Benjamin", "Bruno", "Camille", "Carlos", "Chloe", "Clara", "Connor", "Daniel", "Daria",
    "David", "Diego", "Elena", "Elias", "Emma", "Erik", "Fatima", "Fiona", "Florian", "Gabriel",
    "George", "Hannah", "Hiro", "Ibrahim", "Ines", "Isaac", "Ivan", "Jack", "Jasmine", "Julia",
    "Kai", "Katarina", "Leo", "Lucia", "Magnus", "Malik", "Marta", "Mei", "Mohammed", "Nina",
    "Noah", "Olga", "Oscar", "Patricia", "Quentin", "Rafael", "Rosa", "Samira", "Stefan", "Tara",
    "Ursula", "Valentin", "Wei", "Yara", "Zachary",
];

/// Last names of the crowd.
pub(super) const SURNAME: &[&str] = &[
    "Abbott",
    "Ahmed",
    "Almeida",
    "Andersson",
    "Baker",
    "Banerjee",
    "Bauer",
    "Becker",
    "Bennett",
    "Carter",
    "Castro",
    "Chen",
    "Cohen",
    "Cooper",
    "Cruz",
    "Dubois",
    "Eriksen",
    "Farrell",
    "Ferrari",
    "Fleming",
    "Fraser",
    "Garcia",
    "Gibson",
    "Gupta",
    "Hansen",
    "Harper",
    "Hassan",
    "Ito",
    "Jansen",
    "Jensen",
    "Johansson",
    "Kaya",
    "Keller",
    "Khan",
    "Kowalski",
    "Larsson",
    "Lopez",
    "Marin",
    "Marsh",
    "Meyer",
    "Moreau",
    "Murphy",
    "Nowak",
    "Olsen",
    "Park",
    "Patel",
    "Petrov",
    "Popescu",
    "Ramos",
    "Reed",
    "Reyes",
    "Richter",
    "Sato",
    "Schmidt",
    "Singh",
    "Sousa",
    "Suzuki",
    "Thomsen",
    "Tran",
    "Vargas",
    "Vogel",
    "Weber",
    "Yilmaz",
    "Zhang",
];

/// A department of the crowd.
#[derive(Clone, Copy, Debug)]
pub(super) struct Department {
    pub(super) name: &'static str,
    /// Alias of its head.
    pub(super) head: &'static str,
    /// Of a hundred people, how many work here.
    pub(super) share: u32,
    pub(super) title: &'static str,
    pub(super) plan: Plan,
}

pub(super) const ENGINEERING: Department = Department {
    name: "Engineering",
    head: "helen.fischer",
    share: 26,
    title: "Software Engineer",
    plan: Plan::E3,
};

/// Where the crowd works.
pub(super) const DEPARTMENTS: &[Department] = &[
    ENGINEERING,
    Department {
        name: "Sales",
        head: "grace.tan",
        share: 20,
        title: "Account Executive",
        plan: Plan::E3,
    },
    Department {
        name: "Customer Support",
        head: "carla.mendes",
        share: 14,
        title: "Support Engineer",
        plan: Plan::OfficeE3,
    },
    Department {
        name: "Operations",
        head: "marcus.bell",
        share: 16,
        title: "Store Associate",
        plan: Plan::F3,
    },
    Department {
        name: "Finance",
        head: "nadia.rahman",
        share: 8,
        title: "Accountant",
        plan: Plan::E3,
    },
    Department {
        name: "Marketing",
        head: "tomas.lindqvist",
        share: 8,
        title: "Marketing Specialist",
        plan: Plan::OfficeE3,
    },
    Department {
        name: "Human Resources",
        head: "owen.price",
        share: 4,
        title: "HR Partner",
        plan: Plan::E3,
    },
    Department { name: "IT", head: "doug", share: 2, title: "Helpdesk Technician", plan: Plan::E3 },
    Department { name: "Legal", head: "ruth.okafor", share: 2, title: "Counsel", plan: Plan::E5 },
];

/// Where the offices are, and the usage location that follows.
pub(super) const OFFICES: &[(&str, &str)] = &[
    ("Seattle/1", "US"),
    ("Seattle/2", "US"),
    ("Chicago/4", "US"),
    ("Dublin/3", "IE"),
    ("Munich/1", "DE"),
    ("São Paulo/2", "BR"),
];
