import { aMessageTravels } from './message-travels.ts'

aMessageTravels(true)
