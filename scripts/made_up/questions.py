"""Made-up questions to a town library and their answers."""

import random

HEADER = ("question", "answer")
_ANSWERS = {
    "You may keep books for four weeks and films for one week.": (
        "How long can I keep a book",
        "What is the lending period",
        "When do I have to bring a film back",
        "How many weeks may I borrow a novel",
    ),
    "Extend a loan twice on your account page, unless somebody waits for the book.": (
        "Can I extend my loan",
        "How do I keep a book longer",
        "Renew what I borrowed",
        "Prolong the lending time",
    ),
    "A late book costs 20 cents a day, at most 5 euros.": (
        "What does it cost when I am late",
        "How high is the fine for an overdue book",
        "Do I pay for returning late",
        "Late fee",
    ),
    "We are open from 10 to 19 o'clock, Monday to Saturday.": (
        "When are you open",
        "Opening hours on Saturday",
        "How late can I come on a weekday",
        "Is the library open on Monday",
    ),
    "The library is closed on Sundays; the return box is always open.": (
        "Are you open on Sunday",
        "Can I return a book when you are closed",
        "Where is the return box",
        "Sunday hours",
    ),
    "A card costs 12 euros a year; it is free below the age of 18.": (
        "How much is a library card",
        "What does membership cost",
        "Is it free for children",
        "Price of the yearly card",
    ),
    "Bring a passport or identity card and a proof of your address.": (
        "What do I need to register",
        "Which papers are needed for a new card",
        "How do I become a member",
        "Can I sign up with my passport",
    ),
    "Report a lost card at the desk or by phone; a new one costs 3 euros.": (
        "I lost my card",
        "My library card was stolen",
        "How do I replace my card",
        "What does a new card cost",
    ),
    "Choose 'Forgotten PIN' on the login page; the mail takes a minute.": (
        "I forgot my PIN",
        "How do I reset my password",
        "I cannot log in to my account",
        "The PIN is not accepted",
    ),
    "Study rooms are booked on the website up to seven days ahead.": (
        "Can I book a study room",
        "Reserve a room for our group",
        "Is there a quiet room to learn in",
        "How do I get a group room",
    ),
    "Printing costs 10 cents a page, colour 40 cents.": (
        "Can I print something",
        "What does a copy cost",
        "How much is a colour print",
        "Where is the printer",
    ),
    "The wireless network is called LIBRARY and needs no password.": (
        "Is there Wi-Fi",
        "What is the wireless password",
        "How do I get online",
        "Internet for visitors",
    ),
    "Electronic books are read in the app; up to ten at a time.": (
        "Do you lend e-books",
        "How many electronic books can I borrow",
        "Which app do I need for e-books",
        "Can I read on my tablet",
    ),
    "Suggest a title with the form; we buy about half of what is suggested.": (
        "Can you buy a book for me",
        "I want to suggest a title",
        "You do not have the book I need",
        "How do I propose a purchase",
    ),
    "Reserve a borrowed book with one click; we write when it is back.": (
        "The book I want is lent out",
        "Can I reserve a book",
        "Put me on the waiting list",
        "How do I know that my reservation is there",
    ),
    "Donated books are welcome on Wednesdays; we take those in good state.": (
        "Can I give you my old books",
        "Do you take donations",
        "Where do I bring books I no longer need",
        "When can I donate",
    ),
    "The story hour for children is on Fridays at 16 o'clock.": (
        "When is the story hour",
        "Is there something for children",
        "Do you read to kids",
        "Events for families",
    ),
    "Dogs stay outside, guide dogs are welcome.": (
        "May I bring my dog",
        "Are pets allowed",
        "Can a guide dog come in",
        "Animals in the library",
    ),
    "Covered drinks are fine everywhere; please eat in the café only.": (
        "Can I drink coffee inside",
        "Is eating allowed",
        "May I bring a water bottle",
        "Where can I have lunch",
    ),
    "The lift is behind the desk; every floor is free of steps.": (
        "Is the building accessible",
        "Where is the lift",
        "Can I come with a wheelchair",
        "Are there steps at the entrance",
    ),
}
_FRAMES = ("{}?", "{}, please?", "Hello, {}?", "{} at the library?", "A question: {}?")


def rows(seed: int = 15) -> list[tuple[object, ...]]:
    """Each way to ask in two frames, in a seeded order."""
    luck = random.Random(seed)
    found = [
        (frame.format(asked if frame.startswith("{") else asked[0].lower() + asked[1:]), answer)
        for answer, ways in _ANSWERS.items()
        for asked in ways
        for frame in luck.sample(_FRAMES, 2)
    ]
    luck.shuffle(found)
    return list(found)
